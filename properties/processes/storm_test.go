package processes

import (
	"cmp"
	"flag"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// How long a storm is, in place of the size of its form. For a night of it:
//
//	go test ./properties/processes -run TestStorm -timeout 0 -storm.rotations 20000 -storm.kills 6000 -storm.stops 1000
var (
	stormRotations = flag.Int("storm.rotations", 0, "refreshes that are granted before a storm of processes ends")
	stormKills     = flag.Int("storm.kills", 0, "processes that are killed from outside in it; and one dies at each failpoint")
	stormStops     = flag.Int("storm.stops", 0, "processes that are stopped in it for longer than the deadline of a post, and go on")
)

// size is how large a storm is.
type size struct {
	processes, rotations, kills, stops int
	places                             int // failpoints, of which each has a process that dies there
}

// sizeOf is that of the form of this run, with what the flags say in its place.
func sizeOf() size {
	s := size{processes: 8, rotations: 15, kills: 3, stops: 2, places: 5}
	if machinetest.Long() {
		s = size{processes: 32, rotations: 200, kills: 15, stops: 15, places: 1000}
	}
	s.rotations, s.kills, s.stops = cmp.Or(*stormRotations, s.rotations), cmp.Or(*stormKills, s.kills), cmp.Or(*stormStops, s.stops)
	return s
}

// Half of the processes are the real program, killed from outside at any
// moment, or stopped for longer than its post may take and let go on; the others
// are made of the same parts and kill themselves before some system call of a
// refresh. The issuer forgives nothing: a token that is used twice ends its login.
func TestStormSpendsEachTokenOnce(t *testing.T) {
	newStorm(t).rage(t)
}

// The lock is politeness and no more. Here no file can be locked at all, as on
// some network disks, and other programs log in, also with another account.
func TestStormWithoutLocksSpendsEachTokenOnce(t *testing.T) {
	s := newStorm(t)
	for _, lock := range []string{"auth.lock", "auth.json.lock", "auth.ledger.lock"} {
		require.NoError(t, os.Mkdir(filepath.Join(s.home, lock), 0o700))
	}
	s.isUnlocked = true
	for n := range 4 {
		s.strangers = append(s.strangers, (n+1)*s.rotations/5)
	}
	s.rage(t)
}

// newStorm is a home whose tokens live for a second: one in doubt is not left
// alone for longer.
func newStorm(t *testing.T) *storm {
	program, err := programtest.Path()
	require.NoError(t, err)
	archive := newArchive(issuer.New(issuer.Options{AccessLifetime: time.Second}))
	s := &storm{
		scene: sceneOf(t, archive.issuer, archive), archive: archive, programs: []string{program},
		killed: map[int]death{}, seen: map[string]bool{}, places: anyPlaces(),
	}
	size := sizeOf()
	s.processes, s.rotations, s.kills, s.stops = size.processes, size.rotations, size.kills, int64(size.stops)
	s.places = s.places[:min(size.places, len(s.places))] // others in each storm
	s.enumerated = len(s.places)
	archive.logIn(s.old, s.account.ID)
	s.made = []storedLogin{{s.old.RefreshToken.Fingerprint(), time.Now()}}
	s.lastWord, s.deadline = s.old, stormDeadline
	return s
}

// rage lets the storm happen and demands that nothing is broken.
func (s *storm) rage(t *testing.T) {
	begun := time.Now()
	var clients sync.WaitGroup
	for n := range s.processes {
		clients.Go(func() { s.client(uint64(n)) })
	}
	clients.Wait()
	require.NoError(t, s.failed())
	s.comeToRest(t)
	s.read()
	require.NoError(t, s.failed())
	s.verify(t)
	t.Logf("in %v", time.Since(begun).Round(time.Millisecond))
}
