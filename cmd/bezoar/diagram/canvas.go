package diagram

import (
	"fmt"
	"strings"

	"github.com/bezoar-auth/bezoar/machine"
)

// canvas is the SVG of a drawing under way.
type canvas struct{ strings.Builder }

// lineHeight is that of the words beside an arrow.
const lineHeight = 15

// route is the way of an arrow across a canvas, and where its words stand.
type route struct {
	shaft          string // path
	tipX, tipY     int
	head           string // path, from the tip
	wordsX, wordsY int    // of the foot of the first line
	anchor         string // of the words: start, middle or end
}

// arrow draws a shaft, its head, and its words on lines below each other.
func (c *canvas) arrow(r route, words []string) {
	fmt.Fprintf(c, `<path d="%s" fill="none" stroke="currentColor"/><path d="M%d %d%s"/>`, r.shaft, r.tipX, r.tipY, r.head)
	for i, line := range words {
		fmt.Fprintf(c, `<text x="%d" y="%d" text-anchor="%s">%s</text>`, r.wordsX, r.wordsY+i*lineHeight, r.anchor, line)
	}
}

// inLine places the states in one line, each of a size and with a gap to the one before
// it. It returns their middles, and the length of the line with a margin at both ends.
func inLine(phases []machine.Phase, margin, size int, gap func(before, after machine.Phase) int) (middle map[machine.Phase]int, length int) {
	middle = map[machine.Phase]int{}
	end := margin
	for i, phase := range phases {
		if i > 0 {
			end += gap(phases[i-1], phase)
		}
		middle[phase] = end + size/2
		end += size
	}
	return middle, end + margin
}
