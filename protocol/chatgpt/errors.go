package chatgpt

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"

	"github.com/bezoar-auth/bezoar/machine/evidence"
)

// StatusError reports that the backend did not give the limits.
type StatusError struct {
	Path   string // that was asked for
	Status int    // of HTTP
}

// Error begins as the reference's does, which goes on with the body.
func (e *StatusError) Error() string {
	return fmt.Sprintf("GET %s failed: %d %s", e.Path, e.Status, cmp.Or(http.StatusText(e.Status), "<unknown status code>"))
}

// ErrUnreadable reports an answer that does not hold the limits.
var ErrUnreadable = errors.New("the backend's answer cannot be read")

// UnreachableError reports that the backend gave no answer, or not all of it.
type UnreachableError struct{ Problem evidence.Problem }

func (e *UnreachableError) Error() string { return "the backend gave no answer: " + e.Problem.Error() }
