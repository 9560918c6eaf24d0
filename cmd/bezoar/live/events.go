package live

import (
	"bytes"
	"net/http"
	"strings"
	"time"
)

// tick is how often a page follows what nobody tells of: asks, and the entries
// of other processes. A change of the state is shown at once.
const tick = time.Second

// serveEvents streams the regions that change (server-sent events, WHATWG HTML
// section 9.2): the name of an event is that of a region, its data what fills it.
func (p *Page) serveEvents(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/event-stream")
	if r.Method == http.MethodHead {
		return
	}
	control := http.NewResponseController(w)
	pulse := time.NewTicker(tick)
	defer pulse.Stop()
	shown := map[string]string{}
	for {
		news := p.options.Recorder.next() // before looking, so that nothing is missed
		if _, err := w.Write(p.changes(shown)); err != nil || control.Flush() != nil {
			return
		}
		select {
		case <-news:
		case <-pulse.C:
		case <-r.Context().Done():
			return
		}
	}
}

// changes are the events for what is not shown as it is now; shown is that
// afterwards.
func (p *Page) changes(shown map[string]string) []byte {
	var events bytes.Buffer
	view := p.view()
	for _, region := range regions {
		var content strings.Builder
		if loadLook().page.ExecuteTemplate(&content, region, view) != nil || content.String() == shown[region] {
			continue
		}
		shown[region] = content.String()
		events.WriteString("event: " + region + "\n")
		for text := range strings.SplitSeq(shown[region], "\n") {
			events.WriteString("data: " + text + "\n")
		}
		events.WriteString("\n")
	}
	return events.Bytes()
}
