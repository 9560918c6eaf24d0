package front

import "sync/atomic"

// turnCount is how many turns run in the child, as it says. Of a client that does not want to
// hear of turns it is zero.
type turnCount struct{ n atomic.Int64 }

// note takes up a notification of the child. The end of a turn that began uncounted is not
// counted. Only the child's reading goroutine calls it.
func (c *turnCount) note(method string) {
	switch {
	case method == "turn/started":
		c.n.Add(1)
	case method == "turn/completed" && c.n.Load() > 0:
		c.n.Add(-1)
	}
}

func (c *turnCount) running() int { return int(c.n.Load()) }
