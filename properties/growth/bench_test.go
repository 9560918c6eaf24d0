package growth

import (
	"fmt"
	"testing"

	"github.com/bezoar-auth/bezoar/machine"
)

// BenchmarkPast is what a poll costs, and what the heap holds, after ten, a
// hundred and a thousand times as long a past. A poll goes through pipes of this
// process, which are most of what it takes.
func BenchmarkPast(b *testing.B) {
	for _, past := range pasts {
		for _, size := range past.sizes {
			b.Run(fmt.Sprintf("%s=%d", past.what, size), func(b *testing.B) { past.benchmark(b, size) })
		}
	}
}

func (p past) benchmark(b *testing.B, size int) {
	before, _ := heap()
	r := p.begin(b, size)
	defer r.close()
	measure := func(state machine.Phase) {
		b.Run(string(state), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if r.poll() != (state == machine.Fresh) {
					b.Fatal("a poll gets a token while the login is good, and then alone")
				}
			}
			after, _ := heap()
			b.ReportMetric(float64(after)-float64(before), "heap-bytes")
		})
	}
	measure(machine.Fresh)
	r.poison()
	measure(machine.Poisoned)
}
