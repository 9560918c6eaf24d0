package diagram

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
)

// drawnElement is what the tests look at of a drawing.
type drawnElement struct {
	class, from, to string
	texts           []string
}

// groups parses a drawing and returns its states and arrows in their order. It
// fails for what is not well-formed.
func groups(t *testing.T, svg string) []drawnElement {
	var all []drawnElement
	decoder := xml.NewDecoder(strings.NewReader(svg))
	decoder.Strict = true
	for inGroup := false; ; {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			return all
		}
		require.NoError(t, err)
		switch token := token.(type) {
		case xml.StartElement:
			if token.Name.Local == "g" {
				inGroup = true
				all = append(all, drawnElement{class: attr(token, "class"), from: attr(token, "data-from"), to: attr(token, "data-to")})
			}
		case xml.EndElement:
			inGroup = inGroup && token.Name.Local != "g"
		case xml.CharData:
			if inGroup {
				last := &all[len(all)-1]
				last.texts = append(last.texts, string(token))
			}
		}
	}
}

func attr(element xml.StartElement, name string) string {
	for _, each := range element.Attr {
		if each.Name.Local == name {
			return each.Value
		}
	}
	return ""
}

func TestColumnHasEveryStateAndArrow(t *testing.T) {
	for _, lit := range append([]machine.Phase{""}, machine.Phases()...) {
		texts := map[string][]string{} // by class, of the states
		arrows := map[ends]string{}
		for _, each := range groups(t, SVG(lit, Edge{})) {
			if each.class == "edge" {
				arrows[ends{each.from, each.to}] = strings.Join(each.texts, " ")
				continue
			}
			texts[each.class] = append(texts[each.class], each.texts[0])
		}
		dark := texts["state"]
		for _, phase := range machine.Phases() {
			require.Contains(t, append(dark, string(lit)), string(phase))
		}
		if lit == "" {
			require.Equal(t, map[string][]string{"state": dark}, texts)
		} else {
			require.Equal(t, map[string][]string{"state": dark, "state lit": {string(lit)}}, texts)
			require.NotContains(t, dark, string(lit))
		}
		requireEveryArrow(t, arrows)
	}
}

func requireEveryArrow(t *testing.T, arrows map[ends]string) {
	require.Len(t, arrows, len(Edges()))
	for _, row := range machine.Table() {
		if !row.Quiet {
			requireDrawn(t, arrows, row)
		}
	}
}

// ends are where an arrow comes from and where it leads.
type ends struct{ from, to string }

func requireDrawn(t *testing.T, arrows map[ends]string, row machine.Row) {
	for _, from := range row.From {
		if len(row.From) == len(machine.Phases()) {
			from = ""
		}
		words, drawn := arrows[ends{string(from), string(row.To)}]
		require.True(t, drawn, "no arrow from %q to %s", from, row.To)
		require.Contains(t, words, string(row.Trigger))
		require.Contains(t, words, triggerWords[row.Trigger])
	}
}

func TestColumnShowsTheLastArrow(t *testing.T) {
	for _, edge := range Edges() {
		svg := SVG(edge.To, Edge{From: edge.From, To: edge.To})
		var strong []drawnElement
		for _, each := range groups(t, svg) {
			if each.class == "edge last" {
				strong = append(strong, each)
			}
		}
		require.Len(t, strong, 1)
		require.Equal(t, string(edge.From), strong[0].from)
		require.Equal(t, string(edge.To), strong[0].to)
		require.Contains(t, svg, "The last change led from "+edge.Origin()+" to "+string(edge.To)+".")
	}
	svg := SVG(machine.Stale, Edge{})
	require.Contains(t, svg, `role="img" aria-labelledby="states-title states-desc"`)
	require.Contains(t, svg, `<title id="states-title">The states of a login, now Stale</title>`)
	require.NotContains(t, svg, "The last change")
}

// TestTriggerWordsFitOnALine is for what is read as one item.
func TestTriggerWordsFitOnALine(t *testing.T) {
	for _, row := range machine.Table() {
		if row.Quiet {
			continue
		}
		words := triggerWords[row.Trigger]
		require.NotEmpty(t, words, "%s needs words for the pictures", row.Trigger)
		require.LessOrEqual(t, len(words), wordsLimit, row.Trigger)
	}
}

func TestNarrowColumnHasArrowsWithoutWords(t *testing.T) {
	svg := NarrowSVG(machine.Stale, Edge{From: machine.Fresh, To: machine.Stale})
	require.Equal(t, len(Edges()), strings.Count(svg, "data-from="))
	require.Equal(t, 1, strings.Count(svg, `class="edge last"`))
	require.Equal(t, len(machine.Phases())+1, strings.Count(svg, "<text"), "the states and the rail")
	require.Less(t, widthOfBox(t, svg), 262, "wider, and its words would be smaller than 12 px on a screen of 320 px")
}

func TestColumnIsTheSameEveryTime(t *testing.T) {
	first := SVG(machine.Fresh, Edge{From: machine.Stale, To: machine.Fresh})
	for range 20 {
		require.Equal(t, first, SVG(machine.Fresh, Edge{From: machine.Stale, To: machine.Fresh}))
	}
}

// TestColumnHasRoomForANewState adds one that the drawing knows nothing of.
func TestColumnHasRoomForANewState(t *testing.T) {
	phases := append(machine.Phases(), "Suspended")
	edges := append(Edges(), Edge{"", "Suspended", []string{"SuspensionLoaded"}},
		Edge{"Poisoned", "Suspended", []string{"IssuerAskedForPatience"}},
		Edge{"Suspended", "Poisoned", []string{"PatienceEnded"}}, Edge{"Suspended", "NoAuth", []string{"Forgotten"}})
	svg := drawColumn(wide, phases, edges, "Suspended", Edge{From: "Suspended", To: "NoAuth"})
	found := groups(t, svg)
	require.Len(t, found, len(phases)+len(edges))
	require.Equal(t, "state lit", found[len(found)-1].class)
	require.Equal(t, []string{"Suspended"}, found[len(found)-1].texts)
	require.GreaterOrEqual(t, heightOf(t, svg), heightOf(t, SVG("", Edge{}))+boxHeight+restGap, "it has room of its own")
}

func heightOf(t *testing.T, svg string) int { return boxOf(t, svg)[3] }

func widthOfBox(t *testing.T, svg string) int { return boxOf(t, svg)[2] }

func boxOf(t *testing.T, svg string) (box [4]int) {
	var root struct {
		ViewBox string `xml:"viewBox,attr"`
	}
	require.NoError(t, xml.Unmarshal([]byte(svg), &root))
	for i, each := range strings.Fields(root.ViewBox) {
		number, err := strconv.Atoi(each)
		require.NoError(t, err)
		box[i] = number
	}
	return box
}
