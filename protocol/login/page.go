package login

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"errors"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/jwt"
	"github.com/bezoar-auth/bezoar/protocol/chatgpt"
	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/protocol/loopback"
)

//go:embed page.html page.css
var files embed.FS

// page is what the user sees at the end of a login in a browser.
type page struct {
	Failed bool
	Title  string
	Text   string
	Code   string // for a support request; "" for none
	Reason string // further details; "" for none
	Next   string
	Style  template.CSS
}

// successPage does not name the account: any program on the machine may read it.
var successPage = page{
	Title: "You are logged in",
	Text:  "The login is complete.",
	Next:  "You can close this page and go back to the program that asked for it.",
}

func failurePage(err error) page {
	failure := page{
		Failed: true,
		Title:  "The login was not completed",
		Text:   err.Error(),
		Next:   "Nothing has been changed. Close this page, go back to the program that asked for the login, and begin again from there.",
	}
	if failed, ok := errors.AsType[*FailedError](err); ok {
		failure.Code = failed.Code
		if failed.Code == codeNotSaved {
			failure.Reason = legible.Brief(failed.Err.Error()) // the message does not have it
		}
	}
	return failure
}

// pages has the template of all pages, and the policy that allows its style.
type pages struct {
	page   *template.Template
	style  template.CSS
	policy string
}

// loadPages is called for the first page: a program that shows none parses none.
var loadPages = sync.OnceValue(func() pages {
	style, _ := files.ReadFile("page.css") // it is in the program
	hash := sha256.Sum256(style)
	return pages{
		page:  template.Must(template.ParseFS(files, "page.html")),
		style: template.CSS(style),
		policy: "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) +
			"'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
})

// servePage serves a page with status 200, also for a failure, as Codex does.
func servePage(w http.ResponseWriter, p page) {
	pages := loadPages()
	p.Style = pages.style
	var body bytes.Buffer
	if err := pages.page.Execute(&body, p); err != nil {
		answer(w, http.StatusInternalServerError, "Internal Server Error")
		return
	}
	loopback.Protect(w.Header())
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", pages.policy)
	w.Write(body.Bytes())
}

// platformURL is where an organization is set up for the use of API keys.
const platformURL = "https://platform.openai.com"

// successURL is where the browser goes after a login: the address of Codex without
// the ID token, which would stay in the browser's history. It is relative, so that it
// also holds where the port is forwarded. Our page uses none of the query.
func successURL(credential machine.Credential) string {
	identity, _ := jwt.Parse(credential.IDToken, chatgpt.Claims)   // redeem has parsed it
	access, _ := jwt.Parse(credential.AccessToken, chatgpt.Claims) // an opaque one has no plan
	organization := identity.Organization
	query := url.Values{
		"needs_setup":  {strconv.FormatBool(needsSetup(organization))},
		"org_id":       {organization.ID},
		"project_id":   {organization.ProjectID},
		"plan_type":    {access.PlanType},
		"platform_url": {platformURL},
	}
	return pathSuccess + "?" + query.Encode()
}

// needsSetup reports whether the user owns an organization that is not set up.
func needsSetup(organization jwt.Organization) bool {
	return organization.IsOwner && !organization.IsOnboarded
}
