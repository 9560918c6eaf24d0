package oauth

import (
	"net/http"
	"time"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// Classify judges an answer of the token endpoint of Codex's issuer that did not travel.
func Classify(status int, header http.Header, body []byte, now time.Time) endpoint.Answer {
	return reply{status: status, header: header, body: body}.classify(profile.CodexAnswers, now)
}

// Judge says what an answer that did not travel means at an issuer.
func Judge(means profile.Answers, status int, body string) profile.Judgement {
	r := reply{status: status, header: http.Header{}, body: []byte(body)}
	return r.judge(r.members(), means)
}
