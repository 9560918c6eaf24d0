package issuer

import (
	"bytes"
	"html/template"
	"net/http"
	"sync"
)

// page is an answer for a person.
func page(status int, name string, data any) answer {
	var body bytes.Buffer
	if err := pages().ExecuteTemplate(&body, name, data); err != nil {
		panic("issuer: a page that cannot be made: " + err.Error()) // every page is made in a test
	}
	header := http.Header{
		"Content-Type":            {"text/html; charset=utf-8"},
		"Content-Security-Policy": {"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"},
		"Cache-Control":           {"no-store"},
	}
	return answer{status, header, body.Bytes()}
}

func failurePage(reason string) answer { return page(http.StatusBadRequest, "failure", reason) }

// pages are made when one is first needed: a program that has this package
// linked in must not pay for it at its start.
var pages = sync.OnceValue(func() *template.Template { return template.Must(template.New("").Parse(pagesText)) })

const pagesText = `
{{define "top"}}<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
<title>Demo issuer</title>
<style>
 :root { color-scheme: light dark; --text: #222; --ground: #fafafa; --card: #fff; --line: #888; --quiet: #666; --good: #1a6b3c; --on-good: #fff }
 @media (prefers-color-scheme: dark) {
  :root { --text: #eceae5; --ground: #15171a; --card: #1f2226; --line: #7b818a; --quiet: #a3a8b0; --good: #6fd3a0; --on-good: #10241a }
 }
 body { font: 1.1rem/1.5 system-ui, sans-serif; max-width: 28rem; margin: 12vh auto; padding: 0 1rem; color: var(--text); background: var(--ground) }
 button, input { font: inherit; padding: .5rem 1.2rem; border-radius: .4rem; border: 1px solid var(--line); color: var(--text); background: var(--card) }
 button[value=allow] { background: var(--good); color: var(--on-good); border-color: var(--good) }
 small { color: var(--quiet) }
</style></head><body><h1>Demo issuer</h1>{{end}}

{{define "buttons"}}<p><button name="decision" value="allow">Allow</button> <button name="decision" value="deny">Deny</button></p>{{end}}

{{define "bottom"}}<p><small>This issuer is a part of bezoar. It asks for no password and guards nothing.</small></p></body></html>{{end}}

{{define "consent"}}{{template "top"}}
<p>{{with .Asker}}<strong>{{.}}</strong>{{else}}A program{{end}} wants to log in as <strong>{{.Account.Email}}</strong>.</p>
<form method="post" action="{{.Action}}">{{template "buttons"}}</form>{{template "bottom"}}{{end}}

{{define "device"}}{{template "top"}}
<p>Log a device in as <strong>{{.Account.Email}}</strong>.</p>
<form method="post" action="/codex/device">
<p><label>Code <input name="user_code" autocomplete="off" autofocus required></label></p>{{template "buttons"}}</form>{{template "bottom"}}{{end}}

{{define "done"}}{{template "top"}}<p>Done. You can close this page.</p>{{template "bottom"}}{{end}}

{{define "failure"}}{{template "top"}}<p>{{.}}</p>{{template "bottom"}}{{end}}
`
