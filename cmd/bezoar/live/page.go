package live

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"sync"
)

//go:embed page.html page.css page.js
var files embed.FS

// look is what the page is made with.
type look struct {
	page   *template.Template
	style  template.CSS
	script template.JS
	policy string
}

// loadLook is called for the first page: a program that shows none parses none.
var loadLook = sync.OnceValue(func() look {
	style, _ := files.ReadFile("page.css") // they are in the program
	script, _ := files.ReadFile("page.js")
	return look{
		page:  template.Must(template.ParseFS(files, "page.html")),
		style: template.CSS(style), script: template.JS(script),
		policy: "default-src 'none'; connect-src 'self'; img-src data:; style-src " + hashOf(style) + "; script-src " + hashOf(script) +
			"; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
	}
})

// hashOf lets the policy know a text that stands in the page itself.
func hashOf(text []byte) string {
	hash := sha256.Sum256(text)
	return "'sha256-" + base64.StdEncoding.EncodeToString(hash[:]) + "'"
}

// regions are the parts of the page that follow the state. Each is a template of
// page.html and the id of the element that it fills.
var regions = []string{"now", "diagram", "activity", "snapshot", "ledger"}

// servePage serves the page as it is now: without its script it stays so.
func (p *Page) servePage(w http.ResponseWriter) {
	look := loadLook()
	var body bytes.Buffer
	err := look.page.Execute(&body, struct {
		view
		Style  template.CSS
		Script template.JS
	}{p.view(), look.style, look.script})
	if err != nil {
		refuse(w, http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", look.policy)
	w.Write(body.Bytes())
}
