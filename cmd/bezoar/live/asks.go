package live

import (
	"sync/atomic"
	"time"
)

// secondsKept is how far back the asks are known by the second.
const secondsKept = 300

// asks counts by the second, without a lock and without a goroutine. Each slot
// holds a second in its upper half and how many asked in it in its lower one, so
// that a slot that comes round again begins anew.
type asks struct {
	total atomic.Uint64
	slots [secondsKept]atomic.Uint64
}

func (a *asks) add(at time.Time) {
	second := at.Unix()
	slot := &a.slots[uint64(second)%secondsKept]
	for {
		old := slot.Load()
		next := old + 1
		if old>>32 != uint64(uint32(second)) {
			next = uint64(uint32(second))<<32 | 1
		}
		if slot.CompareAndSwap(old, next) {
			break
		}
	}
	a.total.Add(1)
}

// lately is how many asked in each of the last seconds, that of now the last.
func (a *asks) lately(now time.Time) [secondsKept]uint32 {
	var counts [secondsKept]uint32
	for i := range counts {
		second := now.Unix() - int64(secondsKept-1-i)
		if slot := a.slots[uint64(second)%secondsKept].Load(); slot>>32 == uint64(uint32(second)) {
			counts[i] = uint32(slot)
		}
	}
	return counts
}
