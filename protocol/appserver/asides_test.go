package appserver

import (
	"sync/atomic"
	"testing"
)

// TestAnAsideMayBeginWhileTheEndOfAllIsAwaited is for the race detector, and for
// the panic of a WaitGroup.
func TestAnAsideMayBeginWhileTheEndOfAllIsAwaited(t *testing.T) {
	var all asides
	var answered atomic.Int32
	<-all.over()
	const rounds = 1000
	for range rounds {
		begun := make(chan struct{})
		go func() {
			defer close(begun)
			all.begin(func() { answered.Add(1) })
		}()
		<-all.over()
		<-begun
	}
	<-all.over()
	if got := answered.Load(); got != rounds {
		t.Errorf("%d of %d have answered when all are over", got, rounds)
	}
}
