//go:build !linux

package backend

import "os"

func keepThread() {}

// awaitEnd waits until the process has ended, and takes what the system knows of that.
func (p process) awaitEnd() *os.ProcessState {
	state, _ := p.Wait()
	return state
}
