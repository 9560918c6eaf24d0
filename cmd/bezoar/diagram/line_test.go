package diagram

import (
	"encoding/xml"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
)

func TestPictureHasEveryStateAndArrow(t *testing.T) {
	svg := Picture([]machine.Phase{machine.Stale})
	var states []string
	arrows := map[ends]string{}
	posts := 0
	for _, each := range groups(t, svg) {
		switch first, _, _ := strings.Cut(each.class, " "); first {
		case "state":
			states = append(states, each.texts[0])
			require.NotEmpty(t, captions[machine.Phase(each.texts[0])], "%s needs a caption", each.texts[0])
		case "edge":
			arrows[ends{each.from, each.to}] = strings.Join(each.texts, " ")
		case "post":
			posts++
		}
	}
	for _, phase := range machine.Phases() {
		require.Contains(t, states, string(phase))
	}
	requireEveryArrow(t, arrows)
	require.Equal(t, 1, posts, "only Stale has a way to the issuer")
}

func TestPictureShowsEachPostingState(t *testing.T) {
	svg := Picture([]machine.Phase{machine.Stale, machine.Poisoned})
	require.Equal(t, 2, strings.Count(svg, `class="post"`))
}

// TestPictureStandsAlone is about what a code host shows: nothing is fetched,
// no script runs, a screen reader has words, and both themes have every colour.
func TestPictureStandsAlone(t *testing.T) {
	for _, each := range []string{Picture([]machine.Phase{machine.Stale}), NarrowPicture()} {
		requireItStandsAlone(t, each)
	}
}

func requireItStandsAlone(t *testing.T, svg string) {
	require.NotContains(t, svg, "<script")
	require.NotRegexp(t, `url\(|href=|@import`, svg)
	var root struct {
		XMLName xml.Name
		Role    string `xml:"role,attr"`
		Title   string `xml:"title"`
		Desc    string `xml:"desc"`
	}
	require.NoError(t, xml.Unmarshal([]byte(svg), &root))
	require.Equal(t, xml.Name{Space: "http://www.w3.org/2000/svg", Local: "svg"}, root.XMLName)
	require.Equal(t, "img", root.Role)
	require.Equal(t, "The states of a login", root.Title)
	require.Contains(t, root.Desc, "From Stale to Poisoned: refresh refused.")
	light, dark, found := strings.Cut(svg, "@media (prefers-color-scheme: dark)")
	require.True(t, found)
	for _, used := range regexp.MustCompile(`var\((--[a-z]+)\)`).FindAllStringSubmatch(svg, -1) {
		if used[1] != "--mark" { // which is one of the others
			require.Contains(t, light, used[1]+": #")
			require.Contains(t, dark, used[1]+": #")
		}
	}
}

func TestPictureHasRoomForANewState(t *testing.T) {
	phases := append(machine.Phases(), "Suspended")
	edges := append(Edges(), Edge{"", "Suspended", []string{"SuspensionLoaded"}},
		Edge{"Suspended", "Poisoned", []string{"PatienceEnded"}}, Edge{"Suspended", "NoAuth", []string{"Forgotten"}})
	usual, svg := drawLine(machine.Phases(), Edges(), nil), drawLine(phases, edges, nil)
	require.Len(t, groups(t, svg), len(phases)+len(edges)+1, "and the ribbon")
	require.Equal(t, heightOf(t, usual)+trackStep, heightOf(t, svg), "the far arrow has a track of its own")
	require.Equal(t, widthOf(t, usual)+wideGap+cardWidth, widthOf(t, svg))
}

func widthOf(t *testing.T, svg string) int {
	var root struct {
		Width int `xml:"width,attr"`
	}
	require.NoError(t, xml.Unmarshal([]byte(svg), &root))
	return root.Width
}
