package diagram

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/machine"
)

// SVG draws the states in a column, with one of them lit ("" for none) and the last
// arrow that was taken drawn strongly (the zero Edge for none). Colours come from
// currentColor, and a page may set others for the classes state, lit, edge and last.
func SVG(lit machine.Phase, last Edge) string {
	return drawColumn(wide, machine.Phases(), Edges(), lit, last)
}

// NarrowSVG is SVG for a screen that has no room for the words of the arrows
// beside the states: a page lists them below ([Edge.Words]).
func NarrowSVG(lit machine.Phase, last Edge) string {
	return drawColumn(narrow, machine.Phases(), Edges(), lit, last)
}

// form is what a wide and a narrow drawing differ in.
type form struct {
	name                         string // of its class and its ids
	boxLeft, boxWidth, firstLane int
	words                        bool   // beside the arrows
	style                        string // with colours of its own; "" for a page that has them
}

var (
	wide   = form{"states", 160, 108, 432, true, ""}
	narrow = form{"states-narrow", 58, 124, 226, false, ""}
)

func (f form) boxRight() int { return f.boxLeft + f.boxWidth }

// The measures of the drawing.
const (
	railLeft, railWidth = 4, 20
	boxHeight           = 40
	railRight           = railLeft + railWidth
	shaftInset          = 26 // of the arrows between neighbours
	sideOffset          = 13 // of the arrows at a box's right side, from its middle
	wordsAbove          = 8  // a line, clear of its head
	laneWidth           = 16
	margin, restGap     = 12, 26
)

// column is the drawing under way. The states stand in their order, so that a new one
// gets a place: arrows from every state come from a rail on the left, those between
// neighbours are upright, a state's own loop is at its right, and each of the others
// has a lane further right.
type column struct {
	canvas
	form
	phases []machine.Phase
	edges  []Edge
	middle map[machine.Phase]int // of its box, downwards
	height int
	lanes  int
}

func drawColumn(f form, phases []machine.Phase, edges []Edge, lit machine.Phase, last Edge) string {
	d := &column{form: f, phases: phases, edges: edges}
	d.middle, d.height = inLine(phases, margin, boxHeight, d.gap)
	for _, edge := range edges {
		if !edge.sameEnds(last) {
			d.edge(edge, "edge", 1)
		}
	}
	for _, edge := range edges {
		if edge.sameEnds(last) { // above the others
			d.edge(edge, "edge last", 3)
		}
	}
	for _, phase := range phases {
		d.box(phase, phase == lit)
	}
	return d.head(lit, last) + d.String() + "</svg>\n"
}

// gap is the room between two neighbours, enough for the words of their arrows.
func (d *column) gap(above, below machine.Phase) int {
	lines := 0
	for _, edge := range d.edges {
		if d.words && edge.joins(above, below) {
			lines = max(lines, len(edge.Triggers))
		}
	}
	return max(restGap, lines*lineHeight+2*lineHeight)
}

// head is the beginning, with what a screen reader reads.
func (d *column) head(lit machine.Phase, last Edge) string {
	var out strings.Builder
	width := d.firstLane + d.lanes*laneWidth
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img" aria-labelledby="%[3]s-title %[3]s-desc" `+
		`class="%[3]s" data-lit="%[4]s" font-family="system-ui, sans-serif" font-size="12.5" fill="currentColor">`+"\n", width, d.height, d.name, lit)
	now := ""
	if lit != "" {
		now = fmt.Sprintf(", now %s", lit)
	}
	fmt.Fprintf(&out, "<title id=\"%s-title\">The states of a login%s</title>\n", d.name, now)
	fmt.Fprintf(&out, "<desc id=\"%s-desc\">%s</desc>\n", d.name, d.description(last))
	if d.style != "" {
		fmt.Fprintf(&out, `%s<rect class="ground" x=".5" y=".5" width="%d" height="%d" rx="12"/>`+"\n", d.style, width-1, d.height-1)
	}
	fmt.Fprintf(&out, `<rect class="rail" x="%d" y="%d" width="%d" height="%d" rx="4" fill="none" stroke="currentColor" stroke-dasharray="3 3"/>`+"\n",
		railLeft, margin, railWidth, d.height-2*margin)
	fmt.Fprintf(&out, `<text class="quiet" transform="translate(%d %d) rotate(-90)" text-anchor="middle">any state</text>`+"\n",
		railLeft+railWidth/2+4, d.height/2)
	return out.String()
}

func (d *column) description(last Edge) string {
	description := ""
	if last.To != "" {
		description = fmt.Sprintf("The last change led from %s to %s. ", last.Origin(), last.To)
	}
	if d.style == "" {
		return description + "A list of the arrows follows."
	}
	return description + sentences(d.edges)
}

func (d *column) box(phase machine.Phase, lit bool) {
	class, border, weight, ground := "state", "1.5", "500", `fill="none"`
	if lit {
		class, border, weight, ground = "state lit", "3.5", "750", `fill="currentColor" fill-opacity=".14"`
	}
	y := d.middle[phase]
	fmt.Fprintf(d, `<g class="%s"><rect x="%d" y="%d" width="%d" height="%d" rx="9" %s stroke="currentColor" stroke-width="%s"/>`,
		class, d.boxLeft, y-boxHeight/2, d.boxWidth, boxHeight, ground, border)
	fmt.Fprintf(d, `<text x="%d" y="%d" text-anchor="middle" font-size="15" font-weight="%s">%s</text></g>`+"\n",
		d.boxLeft+d.boxWidth/2, y+5, weight, phase)
}

// edge draws an arrow with its words.
func (d *column) edge(edge Edge, class string, width int) {
	fmt.Fprintf(d, `<g class="%s" data-from="%s" data-to="%s" stroke-width="%d"><title>%s to %s: %s</title>`,
		class, edge.From, edge.To, width, edge.Origin(), edge.To, strings.Join(edge.Triggers, ", "))
	if d.words {
		d.arrow(d.route(edge), edge.Words())
	} else {
		d.arrow(d.route(edge), nil)
	}
	d.WriteString("</g>\n")
}

// route is where an arrow goes.
func (d *column) route(edge Edge) route {
	left, right := d.boxLeft, d.boxRight()
	from, to := d.middle[edge.From], d.middle[edge.To]
	above := lineHeight * (len(edge.Triggers) - 1) // of the first line, from the last
	distance := slices.Index(d.phases, edge.To) - slices.Index(d.phases, edge.From)
	switch {
	case edge.From == "":
		return route{fmt.Sprintf("M%d %dH%d", railRight, to, left), left, to, "l-9 -4v8z",
			(railRight + left) / 2, to - wordsAbove - above, "middle"}
	case distance == 0:
		shaft := fmt.Sprintf("M%d %dC%d %d %d %d %d %d", right, from-sideOffset, right+36, from-22, right+36, from+22, right, from+sideOffset)
		return route{shaft, right, from + sideOffset, "l6 -7l3 8z", right + 34, from + 5 - above/2, "start"}
	case distance == 1:
		x, y := left+shaftInset, to-boxHeight/2
		return route{fmt.Sprintf("M%d %dV%d", x, from+boxHeight/2, y), x, y, "l-4 -9h8z", x - 9, (from+to)/2 + 5 - above/2, "end"}
	case distance == -1:
		x, y := right-shaftInset, to+boxHeight/2
		return route{fmt.Sprintf("M%d %dV%d", x, from-boxHeight/2, y), x, y, "l-4 9h8z", x + 9, (from+to)/2 + 5 - above/2, "start"}
	}
	x := d.firstLane + d.lanes*laneWidth
	d.lanes++
	return route{fmt.Sprintf("M%d %dH%dV%dH%d", right, from-sideOffset, x, to+sideOffset, right), right, to + sideOffset, "l9 -4v8z",
		right + 16, from - sideOffset - wordsAbove - above, "start"}
}
