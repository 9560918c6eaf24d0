package view

import (
	"fmt"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/machine/evidence"
)

// answered is what came of asking the issuer, in words: what it answered, or what
// stood in the way of an answer. It is "" for nothing known.
func answered(e evidence.Evidence) string {
	status := ""
	if e.Status != 0 {
		status = fmt.Sprintf(" %d", e.Status)
	}
	if e.Code != "" {
		status += " " + cli.Printable(e.Code)
	}
	switch e.Problem {
	case "":
		if status == "" {
			return ""
		}
		return "the issuer answered" + status
	case evidence.ProblemPage:
		return "something between here and the issuer answered" + status + " with a page (a gateway, a proxy or a login portal)"
	case evidence.ProblemNoToken:
		return "the issuer answered" + status + " without a usable token"
	case evidence.ProblemUnreadable:
		return "the issuer answered" + status + " in a form that cannot be read"
	}
	if words, ok := noAnswer[e.Problem]; ok {
		return words
	}
	return "the issuer could not be reached: " + cli.Printable(e.Problem.Error())
}

// noAnswer are the ways to get no answer of an issuer.
var noAnswer = map[evidence.Problem]string{
	evidence.ProblemCancelled:           "the request to the issuer was cancelled",
	evidence.ProblemTimedOut:            "the issuer did not answer in time",
	evidence.ProblemNoConnection:        "no connection to the issuer could be made",
	evidence.ProblemConnectionRefused:   "the issuer's host refused the connection",
	evidence.ProblemConnectionBroken:    "the connection to the issuer broke",
	evidence.ProblemNameUnknown:         "the issuer's host name is not known here",
	evidence.ProblemProxyUnreachable:    "the proxy does not answer",
	evidence.ProblemProxyRefused:        "the proxy does not let the request through",
	evidence.ProblemCertificate:         "the issuer's certificate is not trusted here",
	evidence.ProblemCAFileUnreadable:    "the file of certificate authorities cannot be read",
	evidence.ProblemCAFileNoCertificate: "the file of certificate authorities has no PEM certificate",
	evidence.ProblemAddress:             "the address of the issuer is not a URL",
	evidence.ProblemHeader:              "a setting does not fit into the header of a request",
	evidence.ProblemPlainHTTP:           "the issuer's address is plain HTTP, and no token is sent there",
}
