package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

// issuerCheck sends a HEAD request to the issuer's host, on the way that refreshes take.
func issuerCheck(ctx context.Context, p *probe) finding {
	if p.offline {
		return skip("not asked (--offline)")
	}
	host, response, err := p.headIssuer(ctx)
	if err != nil {
		cause := outbound.ProblemOf(ctx, err)
		return problem(resultFail, fmt.Sprintf("%s cannot be reached: %s", host, cause), remedies[cause])
	}
	switch status := response.StatusCode; {
	case status == http.StatusProxyAuthRequired:
		return problem(resultFail, "the proxy wants a user name and a password", "put them into HTTPS_PROXY")
	case status/100 == 5:
		return problem(resultWarn, fmt.Sprintf("%s answers with status %d", host, status), "the issuer, or a proxy in front of it, is failing; try again later")
	}
	return passed("%s can be reached", host)
}

// A token is refreshed five minutes before it expires, so a smaller skew is harmless.
const (
	skewNoticed = 30 * time.Second
	skewHarmful = 4 * time.Minute
)

// clockCheck compares this machine's clock with the issuer's, which sets the expiry of
// tokens.
func clockCheck(ctx context.Context, p *probe) finding {
	if p.offline {
		return skip("not compared (--offline)")
	}
	asked := p.now()
	_, response, err := p.headIssuer(ctx)
	if err != nil {
		return skip("the issuer cannot be reached")
	}
	theirs, err := http.ParseTime(response.Header.Get("Date"))
	if err != nil {
		return skip("the issuer sends no time")
	}
	ours := asked.Add(p.now().Sub(asked) / 2)
	skew := ours.Sub(theirs).Round(time.Second)
	const remedy = "set the clock of this machine by the network (NTP)"
	switch found := fmt.Sprintf("the clock is %v %s the issuer's", skew.Abs(), direction(skew)); {
	case skew.Abs() > skewHarmful:
		return problem(resultFail, found, remedy)
	case skew.Abs() > skewNoticed:
		return problem(resultWarn, found, remedy)
	}
	return passed("it agrees with the issuer's")
}

func direction(skew time.Duration) string {
	if skew < 0 {
		return "behind"
	}
	return "ahead of"
}

// tokenEndpoint is the token endpoint of the stored login, or of the default issuer
// without one.
func (p *probe) tokenEndpoint(ctx context.Context) string {
	record, _ := p.store.Load(ctx)
	known, _ := p.ledger.History(ctx) // a ledger that cannot be read knows nothing
	return session.PolicyOf(p.config).IssuerOf(record.Credential.Completed(known)).TokenEndpoint
}

// headIssuer sends one HEAD request to the host of the token endpoint, without a token.
func (p *probe) headIssuer(ctx context.Context) (host string, response *http.Response, err error) {
	endpoint, err := url.Parse(p.tokenEndpoint(ctx))
	if err != nil {
		return "the issuer", nil, evidence.ProblemAddress
	}
	target := url.URL{Scheme: endpoint.Scheme, Host: endpoint.Host, Path: "/"}
	request, err := session.RulesOf(p.config).NewRequest(ctx, http.MethodHead, target.String(), nil)
	if err != nil {
		return cmp.Or(endpoint.Host, "the issuer"), nil, err
	}
	request.Header.Set("User-Agent", "bezoar")
	host = endpoint.Host
	if proxy, err := outbound.Proxy(request); err == nil && proxy != nil {
		host += " through the proxy " + proxy.Host
	}
	response, err = session.NewIssuer(p.config, p.getenv, session.Quiet).Transport().RoundTrip(request)
	if err == nil {
		response.Body.Close()
	}
	return host, response, err
}

// remedies for no answer. Without one, the user can only wait.
var remedies = map[evidence.Problem]string{
	evidence.ProblemNameUnknown:         "check that this machine is online, and that HTTPS_PROXY names the proxy if one is needed",
	evidence.ProblemTimedOut:            "check that no firewall blocks it, and that HTTPS_PROXY names the proxy if one is needed",
	evidence.ProblemConnectionRefused:   "check that this machine is online, and that BEZOAR_REFRESH_TOKEN_URL_OVERRIDE is right if it is set",
	evidence.ProblemConnectionBroken:    "try again later, and check that HTTPS_PROXY is the URL of a proxy if it is set",
	evidence.ProblemProxyUnreachable:    "check HTTPS_PROXY, HTTP_PROXY and ALL_PROXY",
	evidence.ProblemProxyRefused:        "check that HTTPS_PROXY has the user name and password for the proxy, and that the proxy allows this host",
	evidence.ProblemCertificate:         "name your company's authorities with BEZOAR_CA_CERTIFICATE",
	evidence.ProblemCAFileUnreadable:    "check that BEZOAR_CA_CERTIFICATE (or SSL_CERT_FILE) names a file that can be read",
	evidence.ProblemNoConnection:        "check that this machine is online, and that HTTPS_PROXY or ALL_PROXY names the proxy if one is needed",
	evidence.ProblemCAFileNoCertificate: "check that BEZOAR_CA_CERTIFICATE (or SSL_CERT_FILE) names a PEM file with BEGIN CERTIFICATE in it",
	evidence.ProblemPlainHTTP:           "use an https address; or set " + outbound.AllowPlainHTTPVariable + "=1 if the network in between is trusted",
	evidence.ProblemClientSecret:        "check client_secret_command or client_secret_env of the profile",
	evidence.ProblemOtherProfile:        "log in again, or put the profile back",
	evidence.ProblemAddress:             "correct BEZOAR_REFRESH_TOKEN_URL_OVERRIDE, or unset it",
}
