package diagram

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/machine"
)

// Picture is the table as a drawing to open a document with: wide, with colours
// of its own for light and dark, and with the issuer, to which an arrow leads
// from each of the states posting.
func Picture(posting []machine.Phase) string { return drawLine(machine.Phases(), Edges(), posting) }

// NarrowPicture is the picture for a narrow screen, where the words of the wide one
// are too small to read: the states and the arrows.
func NarrowPicture() string {
	alone := narrow
	alone.style = pictureStyle + narrowStyle
	return drawColumn(alone, machine.Phases(), Edges(), "", Edge{})
}

// captions say in three words what a login is worth in a state.
var captions = map[machine.Phase]string{
	machine.NoAuth:   "no token",
	machine.ApiKey:   "a static key",
	machine.Fresh:    "a good token",
	machine.Stale:    "due for a refresh",
	machine.Poisoned: "never sent again",
}

// The measures of the picture.
const (
	cardWidth, cardHeight = 120, 58
	wideGap, tightGap     = 142, 16
	pictureMargin         = 40
	ribbonHeight          = 24
	cardsTop              = pictureMargin + ribbonHeight + 58
	cardsFoot             = cardsTop + cardHeight
	cardsMiddle           = (cardsTop + cardsFoot) / 2
	issuerTop, issuerFoot = cardsFoot + 88, cardsFoot + 88 + 32
	firstTrack, trackStep = issuerFoot + 22, 18
	pairOffset            = 12 // of the arrows between neighbours, from the middle
	loopOffset            = 30 // of a state's own loop, from its middle
	postOffset            = 26 // of the arrow to the issuer, to the other side
)

// picture is the drawing under way: the states in one line, above them a ribbon
// that stands for each of them, below them the issuer and a track for each arrow
// that passes over a state.
type picture struct {
	canvas
	phases []machine.Phase
	edges  []Edge
	middle map[machine.Phase]int // of its card, to the right
	width  int
	tracks int
}

func drawLine(phases []machine.Phase, edges []Edge, posting []machine.Phase) string {
	p := &picture{phases: phases, edges: edges}
	p.middle, p.width = inLine(phases, pictureMargin, cardWidth, p.gap)
	for _, edge := range edges {
		p.edge(edge)
	}
	for _, phase := range posting {
		p.post(p.middle[phase] + postOffset)
	}
	for _, phase := range phases {
		p.card(phase)
	}
	height := firstTrack + max(0, p.tracks-1)*trackStep + pictureMargin
	return p.frame(height) + p.String() + "</svg>\n"
}

// gap is the room between two neighbours, wide enough for words if there are any.
func (p *picture) gap(before, after machine.Phase) int {
	for _, edge := range p.edges {
		if edge.joins(before, after) {
			return wideGap
		}
	}
	return tightGap
}

const pictureStyle = `<style>
svg { color-scheme: light dark; --ground: #ffffff; --line: #dedbd2; --text: #1f2328; --quiet: #5b616a; --good: #1b6e47; --wait: #8a5a00; --bad: #a3341f; --post: #5a3fb0 }
@media (prefers-color-scheme: dark) {
svg { --ground: #1f2226; --line: #353a41; --text: #eceae5; --quiet: #a3a8b0; --good: #6fd3a0; --wait: #f0c060; --bad: #ff9c86; --post: #b9a5ff }
}
.ground { fill: var(--ground); stroke: var(--line) }
.state, .ribbon { --mark: var(--text) }
.ApiKey, .Fresh { --mark: var(--good) }
.Stale { --mark: var(--wait) }
.Poisoned { --mark: var(--bad) }
.state, .edge, .post, .ribbon { color: var(--mark); fill: currentColor }
.state rect { fill-opacity: .09 }
.edge, .ribbon { --mark: var(--quiet) }
.post { --mark: var(--post) }
</style>
`

const narrowStyle = `<style>
.states-narrow { color: var(--text) }
.rail { color: var(--quiet) }
.quiet { fill: var(--quiet) }
</style>
`

// frame is the beginning, with what a screen reader reads.
func (p *picture) frame(height int) string {
	var out strings.Builder
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" role="img" `+
		`aria-labelledby="title desc" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="14">`+"\n",
		p.width, height, p.width, height)
	out.WriteString("<title id=\"title\">The states of a login</title>\n<desc id=\"desc\">" + sentences(p.edges) + "</desc>\n" + pictureStyle)
	fmt.Fprintf(&out, `<rect class="ground" x=".5" y=".5" width="%d" height="%d" rx="12"/>`+"\n", p.width-1, height-1)
	fmt.Fprintf(&out, `<g class="ribbon"><rect x="%d" y="%d" width="%d" height="%d" rx="6" fill="none" stroke="currentColor" stroke-dasharray="3 3"/>`,
		pictureMargin, pictureMargin, p.width-2*pictureMargin, ribbonHeight)
	fmt.Fprintf(&out, `<text x="%d" y="%d" text-anchor="middle">any state</text></g>`+"\n", p.width/2, pictureMargin+17)
	return out.String()
}

func (p *picture) card(phase machine.Phase) {
	x := p.middle[phase]
	fmt.Fprintf(p, `<g class="state %s"><rect x="%d" y="%d" width="%d" height="%d" rx="10" stroke="currentColor" stroke-width="1.5"/>`,
		phase, x-cardWidth/2, cardsTop, cardWidth, cardHeight)
	fmt.Fprintf(p, `<text x="%d" y="%d" text-anchor="middle" font-size="17" font-weight="650">%s</text>`, x, cardsTop+26, phase)
	fmt.Fprintf(p, `<text x="%d" y="%d" text-anchor="middle" font-size="13">%s</text></g>`+"\n", x, cardsTop+45, captions[phase])
}

// edge draws an arrow with its words.
func (p *picture) edge(edge Edge) {
	fmt.Fprintf(p, `<g class="edge" data-from="%s" data-to="%s"><title>%s to %s: %s</title>`,
		edge.From, edge.To, edge.Origin(), edge.To, strings.Join(edge.Triggers, ", "))
	p.arrow(p.route(edge))
	p.WriteString("</g>\n")
}

// route is where an arrow goes, and its words on lines.
func (p *picture) route(edge Edge) (route, []string) {
	words := edge.Words()
	from, to := p.middle[edge.From], p.middle[edge.To]
	distance := slices.Index(p.phases, edge.To) - slices.Index(p.phases, edge.From)
	switch {
	case edge.From == "":
		shaft := fmt.Sprintf("M%d %dV%d", to, pictureMargin+ribbonHeight, cardsTop)
		return route{shaft, to, cardsTop, "l-4 -9h8z", to + 8, pictureMargin + ribbonHeight + 18, "start"}, wrapped(strings.Join(words, ", "), 11)
	case distance == 0:
		x := from - loopOffset
		shaft := fmt.Sprintf("M%d %dC%d %d %d %d %d %d", x+16, cardsFoot, x+24, cardsFoot+38, x-24, cardsFoot+38, x-16, cardsFoot)
		return route{shaft, x - 16, cardsFoot, "l-2 10l8 -4z", x - 26, cardsFoot + 36, "end"}, words
	case distance == 1:
		tip, y := to-cardWidth/2, cardsMiddle-pairOffset
		return route{fmt.Sprintf("M%d %dH%d", from+cardWidth/2, y, tip), tip, y, "l-9 -4v8z",
			(from + to) / 2, y - 8 - lineHeight*(len(words)-1), "middle"}, words
	case distance == -1:
		tip, y := to+cardWidth/2, cardsMiddle+pairOffset
		return route{fmt.Sprintf("M%d %dH%d", from-cardWidth/2, y, tip), tip, y, "l9 -4v8z", (from + to) / 2, y + 17, "middle"}, words
	}
	y := firstTrack + p.tracks*trackStep
	p.tracks++
	return route{fmt.Sprintf("M%d %dV%dH%dV%d", from, cardsFoot, y, to, cardsFoot), to, cardsFoot, "l-4 9h8z", from + 9, y - 7, "start"},
		[]string{strings.Join(words, " ")}
}

// post draws the way of a refresh to the issuer.
func (p *picture) post(x int) {
	fmt.Fprintf(p, `<g class="post"><title>a refresh is posted from here alone</title>`)
	way := route{fmt.Sprintf("M%d %dV%d", x, cardsFoot, issuerTop), x, issuerTop, "l-4 -9h8z", x + 9, cardsFoot + 28, "start"}
	p.arrow(way, []string{"the only state", "that may post", "a refresh"})
	fmt.Fprintf(p, `<rect x="%d" y="%d" width="88" height="%d" rx="16" fill="none" stroke="currentColor" stroke-width="1.5"/>`,
		x-44, issuerTop, issuerFoot-issuerTop)
	fmt.Fprintf(p, `<text x="%d" y="%d" text-anchor="middle" font-weight="600">issuer</text></g>`+"\n", x, issuerTop+21)
}
