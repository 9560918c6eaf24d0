package inspect

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The measures of the chart.
const (
	chartWidth  = 420
	chartHeight = 158
	barsTop     = 20
	barsFoot    = 66
	postsRow    = 96
	movesRow    = 126
	textAbove   = 11
)

// chart draws the last minutes: how many asked in each second, and below it the
// posts to the issuer and the transitions.
func chart(counts [secondsKept]uint32, moments []moment, now time.Time) string {
	most, total := slices.Max(counts[:]), 0
	for _, each := range counts {
		total += int(each)
	}
	posts := marks(moments, now, postsRow, func(m moment) bool { return m.kind == isPost })
	moves := marks(moments, now, movesRow, func(m moment) bool { return m.kind == isChange && m.from.Label != m.to.Label })
	var out strings.Builder
	fmt.Fprintf(&out, `<svg viewBox="0 0 %d %d" role="img" aria-labelledby="chart-title chart-desc" class="chart" `+
		`font-family="system-ui, sans-serif" font-size="13" fill="currentColor">`+"\n", chartWidth, chartHeight)
	fmt.Fprintf(&out, `<title id="chart-title">The last %d minutes</title>`, secondsKept/60)
	fmt.Fprintf(&out, `<desc id="chart-desc">Asks: %d, at most %d in a second. Posts to the issuer: %d. Transitions: %d.</desc>`+"\n",
		total, most, len(posts), len(moves))
	fmt.Fprintf(&out, `<text x="0" y="12">asks in each second, at most %d</text>`, most)
	fmt.Fprintf(&out, `<path class="axis" d="M0 %dH%dM0 %dH%dM0 %dH%d" stroke="currentColor" stroke-opacity=".3"/>`+"\n",
		barsFoot, chartWidth, postsRow, chartWidth, movesRow, chartWidth)
	fmt.Fprintf(&out, `<path class="asks" d="%s" stroke="currentColor" stroke-width="1.4"/>`+"\n", bars(counts, most))
	row(&out, "posts to the issuer", "posts", postsRow, posts)
	row(&out, "transitions", "moves", movesRow, moves)
	fmt.Fprintf(&out, `<text class="quiet" x="0" y="%d">%d minutes ago</text><text class="quiet" x="%d" y="%d" text-anchor="end">now</text></svg>`,
		chartHeight-10, secondsKept/60, chartWidth, chartHeight-10)
	return out.String()
}

// bars is a path with one stroke for each second that somebody asked in.
func bars(counts [secondsKept]uint32, most uint32) string {
	var path strings.Builder
	for i, count := range counts {
		if count > 0 {
			height := max(2, int(uint64(count)*(barsFoot-barsTop)/uint64(most)))
			fmt.Fprintf(&path, "M%.1f %dv-%d", secondLeft(i), barsFoot, height)
		}
	}
	return path.String()
}

func secondLeft(i int) float64 {
	const width = float64(chartWidth) / secondsKept
	return (float64(i) + .5) * width
}

// marks are where the moments of a row are that the chart still reaches.
func marks(moments []moment, now time.Time, row int, isOfRow func(moment) bool) []string {
	var found []string
	for _, each := range moments {
		i := secondsKept - 1 - int(now.Unix()-each.at.Unix())
		if isOfRow(each) && i >= 0 && i < secondsKept {
			found = append(found, fmt.Sprintf("M%.1f %dl4 -5l-4 -5l-4 5z", min(secondLeft(i), chartWidth-4), row+5))
		}
	}
	return found
}

func row(out *strings.Builder, name, class string, y int, marks []string) {
	fmt.Fprintf(out, `<text x="0" y="%d">%s: %d</text><path class="%s" d="%s"/>`+"\n",
		y-textAbove, name, len(marks), class, strings.Join(marks, ""))
}
