package growth

import (
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/store/file"
)

// A client asks once a second, or in ten in the short form, for 24 hours of virtual time, through pipes, with
// the login and the ledger on a disk. The token rotates each hour, the issuer is
// away for two, an answer is lost, then the login dies, and the user signs in with another program.
func TestDayOfPollingLeavesNothingBehind(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // what the runtime keeps for each processor is filled in any order
	home := t.TempDir()
	writePast(t, home, 2000)
	require.Greater(t, journalBytes(t, home), int64(journalLimit), "what is in no need of a limit shows none")
	synctest.Test(t, func(t *testing.T) {
		r := newResident(t, file.Open(home, file.Options{}), file.OpenLedger(home, programtest.Issuer, file.LedgerOptions{LimitBytes: journalLimit}))
		defer r.close()
		r.liveThroughADay(t, home)
	})
}

const journalLimit = 256 << 10 // bytes

// incidents are what happens at the beginning of an hour of the day. One answer is lost,
// which a login survives: its token is posted once more. Two would end it (see
// TestHangingIssuerIsAskedTwice).
var incidents = map[int]func(*frugalIssuer){
	5:  func(i *frugalIssuer) { i.status = http.StatusServiceUnavailable },
	6:  func(i *frugalIssuer) { i.status = http.StatusTooManyRequests },
	7:  func(i *frugalIssuer) { i.status = 0 },
	9:  func(i *frugalIssuer) { i.silent = 1 },
	12: func(i *frugalIssuer) { i.live = "" },
}

const loginReturns = 14 // hour of the day

func (r *resident) liveThroughADay(t *testing.T, home string) {
	var after []remains
	var hungry []int // hours in which a poll got no token
	for hour := range 24 {
		if change := incidents[hour]; change != nil {
			r.issuer.become(change)
		}
		if hour == loginReturns {
			require.Equal(t, machine.Poisoned, r.Snapshot().Phase())
			require.NoError(t, file.Open(home, file.Options{}).Replace(t.Context(), r.issuer.login()))
		}
		if !r.pollForAnHour() {
			hungry = append(hungry, hour)
		}
		if hour == 0 || hour == 23 {
			after = append(after, remainsOf(t))
		}
	}
	t.Logf("%d posts, %d of them granted or logins; after an hour %v; after 24 %v", r.issuer.posts, r.issuer.given, after[0], after[1])
	require.Equal(t, []int{12, 13}, hungry, "without a token only while the login was dead")
	require.GreaterOrEqual(t, r.issuer.given, 20, "the token rotates")
	require.Zero(t, r.issuer.silent, "an answer was lost")
	require.Greater(t, r.issuer.posts, r.issuer.given+5, "the outage was noticed")
	after[1].isNoMoreThan(t, after[0])
	require.LessOrEqual(t, journalBytes(t, home), int64(journalLimit))
}

// pollForAnHour reports whether there was a token each time.
func (r *resident) pollForAnHour() bool {
	isFed := true
	pause := 10 * time.Second
	if machinetest.Long() {
		pause = time.Second
	}
	for end := time.Now().Add(time.Hour); time.Now().Before(end); time.Sleep(pause) {
		isFed = r.poll() && isFed
	}
	return isFed
}

// What a day may add to the heap: the verdicts on some twenty spent refresh
// tokens (of which 64 are kept) and the first reading of what remains, 8 KB in
// 60 objects as measured. A byte for each poll would be 80 KB, a kilobyte for each
// rotation 22 KB.
const (
	growthBytes  = 16 << 10
	growthPieces = 300
)

func (r remains) isNoMoreThan(t *testing.T, before remains) {
	require.Len(t, r.goroutines, len(before.goroutines), "%s", r.goroutines)
	require.Subset(t, before.descriptors, r.descriptors)
	require.LessOrEqual(t, r.heapBytes, before.heapBytes+growthBytes)
	require.LessOrEqual(t, r.heapPieces, before.heapPieces+growthPieces)
}

func journalBytes(t *testing.T, home string) int64 {
	info, err := os.Stat(filepath.Join(home, file.LedgerName))
	require.NoError(t, err)
	return info.Size()
}
