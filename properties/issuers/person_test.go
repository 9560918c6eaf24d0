package issuers

import (
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"

	"github.com/stretchr/testify/require"
)

// person is a user with a browser, who fills in each form of an issuer and allows what it
// asks.
type person struct {
	client  *http.Client
	answers map[string]string // for the fields of forms, by name
}

func newPerson(answers map[string]string) *person {
	jar, _ := cookiejar.New(nil) // it never fails
	return &person{&http.Client{Jar: jar}, answers}
}

var (
	formPattern   = regexp.MustCompile(`(?is)<form(.*?)>(.*?)</form>`)
	fieldPattern  = regexp.MustCompile(`(?is)<(?:input|button)[^>]*>`)
	actionPattern = regexp.MustCompile(`(?i)action="([^"]*)"`)
	namePattern   = regexp.MustCompile(`(?i)\bname="([^"]*)"`)
	valuePattern  = regexp.MustCompile(`(?i)\bvalue="([^"]*)"`)
)

// pagesAtMost is more than any login has.
const pagesAtMost = 15

// opens follows an address through the pages of the issuer, and returns the last one.
func (p *person) opens(t require.TestingT, address string) (page string) {
	request, err := http.NewRequest(http.MethodGet, address, nil)
	require.NoError(t, err)
	for range pagesAtMost {
		response, err := p.client.Do(request)
		require.NoError(t, err)
		body, err := io.ReadAll(response.Body)
		response.Body.Close()
		require.NoError(t, err)
		require.Less(t, response.StatusCode, 400, "%s: %s", response.Request.URL.Path, body)
		page = string(body)
		form := formPattern.FindStringSubmatch(page)
		if form == nil {
			return page
		}
		request = p.fills(t, response.Request.URL, form[1], form[2])
	}
	require.Fail(t, "the login has no end", page)
	return ""
}

// fills is the request that a form leads to.
func (p *person) fills(t require.TestingT, from *url.URL, form, fields string) *http.Request {
	to := from
	if action := actionPattern.FindStringSubmatch(form); action != nil {
		var err error
		to, err = from.Parse(html.UnescapeString(action[1]))
		require.NoError(t, err)
	}
	values := url.Values{}
	for _, tag := range fieldPattern.FindAllString(fields, -1) {
		name := namePattern.FindStringSubmatch(tag)
		if name == nil || strings.Contains(tag, `value="denied"`) {
			continue
		}
		value := p.answers[name[1]]
		if given := valuePattern.FindStringSubmatch(tag); given != nil && value == "" {
			value = html.UnescapeString(given[1])
		}
		values.Set(name[1], value)
	}
	request, err := http.NewRequest(http.MethodPost, to.String(), strings.NewReader(values.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return request
}
