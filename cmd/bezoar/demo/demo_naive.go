package demo

import (
	"context"
	"time"

	"golang.org/x/oauth2"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

// naive is what most programs in Go refresh with. It forgets each refusal, and
// it looks at no file: what somebody else has logged in to, it cannot know. In its
// favour it need not guess how to name itself, which would double its posts.
func naive(ctx context.Context, tokenURL string, dead secret.Token) oauth2.TokenSource {
	config := oauth2.Config{
		ClientID: oauth.DefaultClientID,
		Endpoint: oauth2.Endpoint{TokenURL: tokenURL, AuthStyle: oauth2.AuthStyleInParams},
	}
	return config.TokenSource(ctx, &oauth2.Token{RefreshToken: dead.Reveal(), Expiry: time.Unix(1, 0)})
}

// pollNaively asks it again and again, and counts what the issuer got of it:
// posts, and those among them that brought a spent token.
func (s *story) pollNaively(client oauth2.TokenSource, times int) (tokens, posts, replays int) {
	before := s.issuer.Counts()
	bar := newProgress(s.env, times)
	defer bar.end()
	for range times {
		if _, err := client.Token(); err == nil {
			tokens++
		}
		bar.step()
	}
	after := s.issuer.Counts()
	return tokens, after.Posts - before.Posts, after.Replays - before.Replays
}
