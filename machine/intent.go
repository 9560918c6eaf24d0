package machine

import "context"

// mayPostKey is where a context holds the question that the intent of a post answers.
type mayPostKey struct{}

// WithIntent is a context for one post. The sender asks MayPost when the first byte
// of the body is about to leave: an intent has an end, and a process may have been
// stopped since it was made.
func WithIntent(ctx context.Context, mayPost func() bool) context.Context {
	return context.WithValue(ctx, mayPostKey{}, mayPost)
}

// MayPost reports whether the intent of a post still allows it. A request that is no
// post of a refresh token has none, and may be sent.
func MayPost(ctx context.Context) bool {
	mayPost, ok := ctx.Value(mayPostKey{}).(func() bool)
	return !ok || mayPost()
}
