package live

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/machine"
)

// serveMetrics writes the metrics in the text format of Prometheus, without its client
// library, which would bring nine modules for four metrics.
func (p *page) serveMetrics(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
	w.Write([]byte(p.metrics()))
}

func (p *page) metrics() string {
	var out strings.Builder
	seen := p.recorder.record()
	present := p.options.Source.Snapshot().Phase()

	family(&out, "bezoar_state", "gauge", "The state of the login: 1 for the present one.")
	for _, phase := range machine.Phases() {
		value := 0
		if phase == present {
			value = 1
		}
		fmt.Fprintf(&out, "bezoar_state{state=%q} %d\n", phase, value)
	}
	family(&out, "bezoar_asks_total", "counter", "Clients that asked for their status.")
	fmt.Fprintf(&out, "bezoar_asks_total %d\n", p.recorder.asks.total.Load())
	family(&out, "bezoar_posts_total", "counter", "Refreshes posted to the issuer, by what came of them.")
	for _, each := range outcomes {
		fmt.Fprintf(&out, "bezoar_posts_total{outcome=%q} %d\n", each, seen.posts[each])
	}
	family(&out, "bezoar_transitions_total", "counter", "Changes of the state.")
	for _, each := range slices.SortedFunc(maps.Keys(seen.moves), func(a, b move) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	}) {
		fmt.Fprintf(&out, "bezoar_transitions_total{from=%q,to=%q} %d\n", each.from, each.to, seen.moves[each])
	}
	if p.options.Backend != "" {
		p.backendMetrics(&out)
	}
	return out.String()
}

func (p *page) backendMetrics(out *strings.Builder) {
	seen, total := p.recorder.childrenSeen()
	running := 0
	for _, each := range seen {
		if !each.isOver {
			running++
		}
	}
	family(out, "bezoar_children", "gauge", "Codexes that run behind bezoar.")
	fmt.Fprintf(out, "bezoar_children %d\n", running)
	family(out, "bezoar_passed_total", "counter", "Messages that were passed, by where to.")
	fmt.Fprintf(out, "bezoar_passed_total{to=\"child\"} %d\nbezoar_passed_total{to=\"client\"} %d\n", total.ToChild, total.ToClient)
	family(out, "bezoar_pushes_total", "counter", "Logins that codexes were given.")
	fmt.Fprintf(out, "bezoar_pushes_total %d\n", total.Pushes)
	family(out, "bezoar_renewals_total", "counter", "Requests of codexes for another token in place of a refused one.")
	fmt.Fprintf(out, "bezoar_renewals_total %d\n", total.Renewals)
	family(out, "bezoar_refused_total", "counter", "Requests of clients that bezoar refused.")
	fmt.Fprintf(out, "bezoar_refused_total %d\n", total.Refused)
}

func family(out *strings.Builder, name, kind, help string) {
	fmt.Fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}
