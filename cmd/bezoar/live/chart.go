package live

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// The measures of the chart.
const (
	chartWidth  = 420
	chartHeight = 196
	barsTop     = 26
	barsFoot    = 76
	postsRow    = 116
	movesRow    = 156
	textAbove   = 11
	letters     = 20 // the largest that fit: a narrow screen needs them
	leastSpan   = 60 // seconds: what has only just begun is not a sliver at the edge
)

// span is how many seconds a chart shows: all since the beginning, as far as they
// are known.
func span(begun, now time.Time) int {
	return max(leastSpan, min(secondsKept, int(now.Sub(begun)/time.Second)+1))
}

// chart draws the last minutes: how many asked in each second, and below it the
// posts to the issuer and the changes of state.
func chart(r *Recorder, moments []moment, now time.Time) string {
	all := r.asks.lately(now)
	counts := all[secondsKept-span(r.begun, now):]
	most, total := slices.Max(counts), 0
	for _, each := range counts {
		total += int(each)
	}
	posts := marks(moments, now, len(counts), postsRow, func(m moment) bool { return m.kind == isPost })
	moves := marks(moments, now, len(counts), movesRow, func(m moment) bool { return m.kind == isChange && m.from.Phase != m.to.Phase })
	since := inWords(time.Duration(len(counts)) * time.Second)
	var out strings.Builder
	fmt.Fprintf(&out, `<svg viewBox="0 0 %d %d" role="img" aria-labelledby="chart-title chart-desc" class="chart" `+
		`font-family="system-ui, sans-serif" font-size="13" fill="currentColor">`+"\n", chartWidth, chartHeight)
	fmt.Fprintf(&out, `<title id="chart-title">The last %s</title>`, since)
	fmt.Fprintf(&out, `<desc id="chart-desc">Asks: %d, at most %d in a second. Posts to the issuer: %d. Changes of state: %d.</desc>`+"\n",
		total, most, len(posts), len(moves))
	fmt.Fprintf(&out, `<text x="0" y="16">asks in each second, at most %d</text>`, most)
	fmt.Fprintf(&out, `<path class="axis" d="M0 %dH%dM0 %dH%dM0 %dH%d" stroke="currentColor" stroke-opacity=".3"/>`+"\n",
		barsFoot, chartWidth, postsRow, chartWidth, movesRow, chartWidth)
	fmt.Fprintf(&out, `<path class="asks" d="%s" stroke="currentColor" stroke-width="1.4"/>`+"\n", bars(counts, most))
	row(&out, "posts to the issuer", "posts", postsRow, posts)
	row(&out, "changes of state", "moves", movesRow, moves)
	fmt.Fprintf(&out, `<text class="quiet" x="0" y="%d">%s ago</text><text class="quiet" x="%d" y="%d" text-anchor="end">now</text></svg>`,
		chartHeight-letters/2, since, chartWidth, chartHeight-letters/2)
	return out.String()
}

// bars is a path with one stroke for each second that somebody asked in.
func bars(counts []uint32, most uint32) string {
	var path strings.Builder
	for i, count := range counts {
		if count > 0 {
			height := max(2, int(uint64(count)*(barsFoot-barsTop)/uint64(most)))
			fmt.Fprintf(&path, "M%.1f %dv-%d", secondLeft(i, len(counts)), barsFoot, height)
		}
	}
	return path.String()
}

func secondLeft(i, span int) float64 { return (float64(i) + .5) * chartWidth / float64(span) }

// marks are where the moments of a row are that the chart still reaches.
func marks(moments []moment, now time.Time, span, row int, isOfRow func(moment) bool) []string {
	var found []string
	for _, each := range moments {
		i := span - 1 - int(now.Unix()-each.at.Unix())
		if isOfRow(each) && i >= 0 && i < span {
			found = append(found, fmt.Sprintf("M%.1f %dl4 -5l-4 -5l-4 5z", min(secondLeft(i, span), chartWidth-4), row+5))
		}
	}
	return found
}

func row(out *strings.Builder, name, class string, y int, marks []string) {
	fmt.Fprintf(out, `<text x="0" y="%d">%s: %d</text><path class="%s" d="%s"/>`+"\n",
		y-textAbove, name, len(marks), class, strings.Join(marks, ""))
}
