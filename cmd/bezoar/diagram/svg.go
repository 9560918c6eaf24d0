package diagram

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/machine"
)

// SVG is the picture as a drawing that needs nothing else: with the state lit,
// "" for none, and the last arrow that was taken drawn strongly, the zero Edge
// for none. An arrow from every state has From "". Colours come from
// currentColor, and a page may set others for the classes state, lit, edge and
// last.
func SVG(lit machine.Phase, last Edge) string {
	return draw(wide, machine.Phases(), Edges(), lit, last)
}

// NarrowSVG is SVG for a screen that has no room for the words of the arrows
// beside the states: a page lists them below ([Edge.Words]).
func NarrowSVG(lit machine.Phase, last Edge) string {
	return draw(narrow, machine.Phases(), Edges(), lit, last)
}

// form is what a wide and a narrow drawing differ in.
type form struct {
	name                         string // of its class and its ids
	boxLeft, boxWidth, firstLane int
	hasWords                     bool
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
	lineHeight          = 15
	margin, restGap     = 12, 26
)

// drawing is the picture under way. The states stand in one column in their
// order, so that a new one has its place: arrows from every state come from a
// rail on the left, those between neighbours are upright, a state's own loop is
// at its right, and each of the others has a lane further right.
type drawing struct {
	strings.Builder
	form
	labels []machine.Phase
	edges  []Edge
	middle map[machine.Phase]int // of its box, downwards
	height int
	lanes  int
}

func draw(f form, labels []machine.Phase, edges []Edge, lit machine.Phase, last Edge) string {
	d := &drawing{form: f, labels: labels, edges: edges}
	d.place()
	for _, edge := range edges {
		if !isSame(edge, last) {
			d.edge(edge, "edge", 1)
		}
	}
	for _, edge := range edges {
		if isSame(edge, last) { // above the others
			d.edge(edge, "edge last", 3)
		}
	}
	for _, label := range labels {
		d.box(label, label == lit)
	}
	return d.head(lit, last) + d.String() + "</svg>\n"
}

func isSame(a, b Edge) bool { return a.From == b.From && a.To == b.To }

// place gives each state its place, with room for the words between neighbours.
func (d *drawing) place() {
	d.middle, d.height = inLine(d.labels, margin, boxHeight, d.gap)
}

// inLine are the middles of the states in one line, each of a size and with a gap
// to the one before it, and how long that is with the margins at both ends.
func inLine(labels []machine.Phase, margin, size int, gap func(before, after machine.Phase) int) (middle map[machine.Phase]int, length int) {
	middle = map[machine.Phase]int{}
	end := margin
	for i, label := range labels {
		if i > 0 {
			end += gap(labels[i-1], label)
		}
		middle[label] = end + size/2
		end += size
	}
	return middle, end + margin
}

func (d *drawing) gap(above, below machine.Phase) int {
	lines := 0
	for _, edge := range d.edges {
		if d.hasWords && edge.joins(above, below) {
			lines = max(lines, len(edge.Triggers))
		}
	}
	return max(restGap, lines*lineHeight+2*lineHeight)
}

func (e Edge) joins(a, b machine.Phase) bool {
	return e.From == a && e.To == b || e.From == b && e.To == a
}

// told are arrows in words, for a screen reader.
func told(edges []Edge) string {
	var out strings.Builder
	for _, edge := range edges {
		fmt.Fprintf(&out, "From %s to %s: %s. ", origin(edge), edge.To, strings.Join(edge.Words(), ", "))
	}
	return out.String()
}

// head is the beginning, with what a screen reader reads.
func (d *drawing) head(lit machine.Phase, last Edge) string {
	var out strings.Builder
	width := d.firstLane + d.lanes*laneWidth
	fmt.Fprintf(&out, `<svg xmlns="http://www.w3.org/2000/svg" width="%[1]d" height="%[2]d" viewBox="0 0 %[1]d %[2]d" role="img" aria-labelledby="%[3]s-title %[3]s-desc" `+
		`class="%[3]s" data-lit="%[4]s" font-family="system-ui, sans-serif" font-size="12.5" fill="currentColor">`+"\n", width, d.height, d.name, lit)
	fmt.Fprintf(&out, `<title id="%s-title">The states of a login`, d.name)
	if lit != "" {
		fmt.Fprintf(&out, ", now %s", lit)
	}
	fmt.Fprintf(&out, "</title>\n<desc id=\"%s-desc\">", d.name)
	if last.To != "" {
		fmt.Fprintf(&out, "The last change led from %s to %s. ", origin(last), last.To)
	}
	if d.style == "" {
		out.WriteString("A list of the arrows follows.</desc>\n")
	} else {
		out.WriteString(told(d.edges) + "</desc>\n" + d.style)
		fmt.Fprintf(&out, `<rect class="ground" x=".5" y=".5" width="%d" height="%d" rx="12"/>`+"\n", width-1, d.height-1)
	}
	fmt.Fprintf(&out, `<rect class="rail" x="%d" y="%d" width="%d" height="%d" rx="4" fill="none" stroke="currentColor" stroke-dasharray="3 3"/>`+"\n",
		railLeft, margin, railWidth, d.height-2*margin)
	fmt.Fprintf(&out, `<text class="quiet" transform="translate(%d %d) rotate(-90)" text-anchor="middle">any state</text>`+"\n",
		railLeft+railWidth/2+4, d.height/2)
	return out.String()
}

func origin(edge Edge) string {
	if edge.From == "" {
		return "any state"
	}
	return string(edge.From)
}

func (d *drawing) box(label machine.Phase, isLit bool) {
	class, border, weight, ground := "state", "1.5", "500", `fill="none"`
	if isLit {
		class, border, weight, ground = "state lit", "3.5", "750", `fill="currentColor" fill-opacity=".14"`
	}
	y := d.middle[label]
	fmt.Fprintf(d, `<g class="%s"><rect x="%d" y="%d" width="%d" height="%d" rx="9" %s stroke="currentColor" stroke-width="%s"/>`,
		class, d.boxLeft, y-boxHeight/2, d.boxWidth, boxHeight, ground, border)
	fmt.Fprintf(d, `<text x="%d" y="%d" text-anchor="middle" font-size="15" font-weight="%s">%s</text></g>`+"\n",
		d.boxLeft+d.boxWidth/2, y+5, weight, label)
}

// edge draws an arrow with its words.
func (d *drawing) edge(edge Edge, class string, width int) {
	fmt.Fprintf(d, `<g class="%s" data-from="%s" data-to="%s" stroke-width="%d"><title>%s to %s: %s</title>`,
		class, edge.From, edge.To, width, origin(edge), edge.To, strings.Join(edge.Triggers, ", "))
	words := edge.Words()
	left, right := d.boxLeft, d.boxRight()
	from, to := d.middle[edge.From], d.middle[edge.To]
	switch between := slices.Index(d.labels, edge.To) - slices.Index(d.labels, edge.From); {
	case edge.From == "":
		d.shaft(fmt.Sprintf("M%d %dH%d", railRight, to, left), left, to, "l-9 -4v8z")
		d.words(words, (railRight+left)/2, to-wordsAbove-lineHeight*(len(words)-1), "middle")
	case between == 0:
		d.shaft(fmt.Sprintf("M%d %dC%d %d %d %d %d %d", right, from-sideOffset, right+36, from-22,
			right+36, from+22, right, from+sideOffset), right, from+sideOffset, "l6 -7l3 8z")
		d.words(words, right+34, from+5-lineHeight*(len(words)-1)/2, "start")
	case between == 1:
		x := left + shaftInset
		d.shaft(fmt.Sprintf("M%d %dV%d", x, from+boxHeight/2, to-boxHeight/2), x, to-boxHeight/2, "l-4 -9h8z")
		d.words(words, x-9, (from+to)/2+5-lineHeight*(len(words)-1)/2, "end")
	case between == -1:
		x := right - shaftInset
		d.shaft(fmt.Sprintf("M%d %dV%d", x, from-boxHeight/2, to+boxHeight/2), x, to+boxHeight/2, "l-4 9h8z")
		d.words(words, x+9, (from+to)/2+5-lineHeight*(len(words)-1)/2, "start")
	default:
		x := d.firstLane + d.lanes*laneWidth
		d.lanes++
		d.shaft(fmt.Sprintf("M%d %dH%dV%dH%d", right, from-sideOffset, x, to+sideOffset, right), right, to+sideOffset, "l9 -4v8z")
		d.words(words, right+16, from-sideOffset-wordsAbove-lineHeight*(len(words)-1), "start")
	}
	d.WriteString("</g>\n")
}

// shaft draws a line and its head, whose tip is at x, y.
func (d *drawing) shaft(path string, x, y int, head string) {
	fmt.Fprintf(d, `<path d="%s" fill="none" stroke="currentColor"/><path d="M%d %d%s"/>`, path, x, y, head)
}

// words writes lines below each other; y is the foot of the first one.
func (d *drawing) words(lines []string, x, y int, anchor string) {
	if !d.hasWords {
		return
	}
	for i, line := range lines {
		fmt.Fprintf(d, `<text x="%d" y="%d" text-anchor="%s">%s</text>`, x, y+i*lineHeight, anchor, line)
	}
}
