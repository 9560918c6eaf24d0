package oauth

import (
	"net/http"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
)

// Classify judges an answer of a token endpoint that did not travel.
func Classify(status int, header http.Header, body []byte, now time.Time) endpoint.Answer {
	return reply{status: status, header: header, body: body}.classify(now)
}
