package account

import (
	"bufio"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/protocol/loopback"
)

// gitRequest is what git says on the standard input of a credential helper: lines of
// key=value, up to an empty line or the end (git-credential(1), INPUT/OUTPUT FORMAT).
// What else it says makes no difference here.
type gitRequest struct {
	protocol, host, username string
	password, credential     string   // of erase: what was refused
	capabilities, challenges []string // capability[], and wwwauth[] (the server's WWW-Authenticate)
}

// gitRequestLimit is more than git sends. A server chooses the length of its challenges.
const gitRequestLimit = 1 << 20

func readGitRequest(in io.Reader) (gitRequest, error) {
	var r gitRequest
	texts := map[string]*string{"protocol": &r.protocol, "host": &r.host, "username": &r.username, "password": &r.password, "credential": &r.credential}
	lists := map[string]*[]string{"capability[]": &r.capabilities, "wwwauth[]": &r.challenges}
	lines := bufio.NewScanner(io.LimitReader(in, gitRequestLimit))
	lines.Buffer(nil, gitRequestLimit)
	for lines.Scan() && lines.Text() != "" {
		key, value, _ := strings.Cut(lines.Text(), "=")
		if text := texts[key]; text != nil {
			*text = value
		}
		if list := lists[key]; list != nil && value == "" {
			*list = nil // an empty value ends what came before it
		} else if list != nil {
			*list = append(*list, value)
		}
	}
	return r, lines.Err()
}

// isFor reports whether the request is one of a host that may have the token. Nothing that
// git says makes it so: who wrote the address of a submodule chose its host.
func (r gitRequest) isFor(hosts []string) bool {
	asked, err := url.Parse(r.protocol + "://" + r.host)
	if err != nil || asked.Host == "" || asked.Host != r.host {
		return false
	}
	isPrivate := asked.Scheme == "https" || asked.Scheme == "http" && loopback.Host(asked.Hostname())
	return isPrivate && slices.ContainsFunc(hosts, func(host string) bool {
		return strings.EqualFold(withoutPort(host, asked.Scheme), withoutPort(r.host, asked.Scheme))
	})
}

// withoutPort is a host without the port that its scheme has anyway.
func withoutPort(host, scheme string) string {
	return strings.TrimSuffix(host, map[string]string{"https": ":443", "http": ":80"}[scheme])
}

// takesBearer reports whether git can send the token as a Bearer token (since git 2.46), and
// the server has not asked for another scheme alone.
func (r gitRequest) takesBearer() bool {
	isBearer := func(challenge string) bool {
		scheme, _, _ := strings.Cut(challenge, " ")
		return strings.EqualFold(scheme, "Bearer")
	}
	return slices.Contains(r.capabilities, "authtype") && (len(r.challenges) == 0 || slices.ContainsFunc(r.challenges, isBearer))
}

// answer is what a helper prints. The user is the one that the address names, if it names
// one.
func (r gitRequest) answer(token, username string, expiry time.Time) string {
	if r.username != "" {
		username = r.username
	}
	answer := fmt.Sprintf("username=%s\npassword=%s\n", username, token)
	if r.takesBearer() {
		answer = fmt.Sprintf("capability[]=authtype\nauthtype=Bearer\ncredential=%s\nephemeral=1\n", token) // which other helpers then do not keep
	}
	if !expiry.IsZero() {
		answer += fmt.Sprintf("password_expiry_utc=%d\n", expiry.Unix())
	}
	return answer
}
