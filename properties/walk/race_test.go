//go:build race

package walk

// Under the race detector one goroutine that walks is eight times as slow, and
// there is nothing to detect.
func init() { underRace = true }
