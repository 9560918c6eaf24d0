package mcp

import (
	"mime"
	"net/http"
)

// meaning is what an answer of HTTP means: a closed set.
type meaning int

const (
	accepted     meaning = iota // there is no message in it, and none is due
	oneMessage                  // the body is one
	manyMessages                // the body is a stream of them
	unauthorized                // the token does not count
	forbidden                   // it counts, and is not enough
	sessionEnded                // the server does not know the session
	redirected                  // to another address, where the token must not go
	refused                     // whatever else the server does not do; the body may say why
)

// meaningOf is what an answer means. inSession says that the request named a session.
func meaningOf(status int, header http.Header, inSession bool) meaning {
	contentType, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	switch {
	case status == http.StatusUnauthorized:
		return unauthorized
	case status == http.StatusForbidden:
		return forbidden
	case status == http.StatusNotFound && inSession:
		return sessionEnded
	case status >= 300 && status < 400:
		return redirected
	case status < 200 || status >= 300:
		return refused
	case contentType == "text/event-stream":
		return manyMessages
	case contentType == "application/json":
		return oneMessage
	case status == http.StatusAccepted || status == http.StatusNoContent || contentType == "":
		return accepted
	}
	return refused // a page of a portal
}
