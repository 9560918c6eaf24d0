package live

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/history"
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
	letterSize  = 20 // the largest that fits: a narrow screen needs it
	leastSpan   = 60 // seconds: twenty of them are not a sliver at the edge
)

// span is how many seconds a chart shows: all since the beginning, but at most those
// that are kept.
func span(begun, now time.Time) int {
	return max(leastSpan, min(secondsKept, int(now.Sub(begun)/time.Second)+1))
}

// chart draws the last minutes: the asks in each second, and below them the posts to the
// issuer and the changes of state.
func chart(r *recorder, moments []moment, now time.Time) string {
	all := r.asks.lately(now)
	counts := all[secondsKept-span(r.begun, now):]
	most, total := slices.Max(counts), 0
	for _, each := range counts {
		total += int(each)
	}
	posts := marks(moments, now, len(counts), postsRow, func(m moment) bool { return m.kind == post })
	moves := marks(moments, now, len(counts), movesRow, func(m moment) bool { return m.kind == change && m.from.Phase != m.to.Phase })
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
		chartHeight-letterSize/2, since, chartWidth, chartHeight-letterSize/2)
	return out.String()
}

// bars is a path with one stroke for each second that has asks.
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

// marks are the moments of a row, as far back as the chart reaches.
func marks(moments []moment, now time.Time, span, row int, inRow func(moment) bool) []string {
	var found []string
	for _, each := range moments {
		i := span - 1 - int(now.Unix()-each.at.Unix())
		if inRow(each) && i >= 0 && i < span {
			found = append(found, fmt.Sprintf("M%.1f %dl4 -5l-4 -5l-4 5z", min(secondLeft(i, span), chartWidth-4), row+5))
		}
	}
	return found
}

func row(out *strings.Builder, name, class string, y int, marks []string) {
	fmt.Fprintf(out, `<text x="0" y="%d">%s: %d</text><path class="%s" d="%s"/>`+"\n",
		y-textAbove, name, len(marks), class, strings.Join(marks, ""))
}

// postEnded is how a post ended, for people.
var postEnded = map[outcome]string{
	notAccepted: "Refresh failed: the issuer does not accept this client", loginNeeded: "Refresh failed: the issuer wants the user to log in",
	granted: "Refreshed", refused: "Refresh refused", unavailable: "Refresh failed: the issuer is unavailable", lost: "Refresh failed: its answer was lost",
}

// line is a moment in words.
func (p *page) line(m moment, now time.Time) line {
	l := line{At: clockAt(m.at, now)}
	switch m.kind {
	case post:
		l.Class, l.What = "post "+string(m.outcome), postEnded[m.outcome]
		l.More = joined(p.because(m.reason), p.options.Words.Cause(m.cause), "one post, "+inShort(m.took))
	case revocation:
		l.Class, l.What, l.More = "post", "Told the issuer of a logout", inShort(m.took)
	case change:
		l.Class = "change"
		l.What, l.More = p.changeInWords(m.from, m.to)
	}
	return l
}

func (p *page) changeInWords(from, to machine.Assessment) (what, more string) {
	switch {
	case from.Phase != to.Phase:
		return fmt.Sprintf("%s → %s", from.Phase, to.Phase), p.reason(to)
	case from.Reason != "" && to.Reason == "":
		return fmt.Sprintf("%s, still", to.Phase), "nothing stands in the way any more"
	}
	return fmt.Sprintf("%s, still", to.Phase), p.reason(to)
}

// reason is why a login is in its state, in words.
func (p *page) reason(a machine.Assessment) string {
	if a.Phase == machine.Poisoned {
		return p.because(history.Reason(a.Reason))
	}
	return words(a.Reason)
}

func inShort(d time.Duration) string { return d.Round(time.Millisecond).String() }

func joined(parts ...string) string {
	return strings.Join(slices.DeleteFunc(parts, func(p string) bool { return p == "" }), ", ")
}
