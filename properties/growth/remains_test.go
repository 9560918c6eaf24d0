package growth

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"
)

// remains are what a program holds while it has nothing to do. What tests before
// this one left behind may go meanwhile, and must not count when it does: so
// goroutines are of this bubble alone, and descriptors are held by name.
type remains struct {
	goroutines            []string // their stacks
	descriptors           []string // and where they lead; none where that cannot be known
	heapBytes, heapPieces uint64
}

func (r remains) String() string {
	return fmt.Sprintf("%d goroutines, %d descriptors, %d bytes in %d objects",
		len(r.goroutines), len(r.descriptors), r.heapBytes, r.heapPieces)
}

// remainsOf looks at everything in the bubble of t, which must be the only one.
func remainsOf(t *testing.T) remains {
	synctest.Wait()
	var r remains
	r.heapBytes, r.heapPieces = heap()
	r.goroutines, r.descriptors = goroutinesInBubble(), openDescriptors(t)
	return r
}

// heap is what is in use.
func heap() (bytes, pieces uint64) {
	runtime.GC()
	runtime.GC() // what is in a pool lives through one
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return memory.HeapAlloc, memory.HeapObjects
}

var headInBubble = regexp.MustCompile(`^goroutine \d+ .*synctest bubble`)

func goroutinesInBubble() (all []string) {
	stacks := make([]byte, 1<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for each := range strings.SplitSeq(string(stacks), "\n\n") {
		if headInBubble.MatchString(each) {
			all = append(all, each)
		}
	}
	return all
}

func openDescriptors(t *testing.T) (all []string) {
	const folder = "/proc/self/fd"
	if runtime.GOOS != "linux" {
		return nil
	}
	numbers, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, number := range numbers {
		target, err := os.Readlink(filepath.Join(folder, number.Name()))
		if err == nil { // not the one that the folder was read through
			all = append(all, number.Name()+" "+target)
		}
	}
	return all
}
