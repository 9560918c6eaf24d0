package fallback

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/memory"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

// What the histories in history_test.go do at random is done here at every
// step: from every situation every write, and at each of its steps a crash, or
// another process that reads or, where nothing can be locked, writes.

// dated is login n, which the issuer gave at that minute.
func dated(n int) machine.Credential {
	c := storetest.TokenSet(n)
	c.LastRefresh = minute(n)
	return c
}

func minute(n int) time.Time { return time.Date(2026, 11, 25, 0, n, 0, 0, time.UTC) }

// scene is a home in some situation, and two processes.
type scene struct {
	*history
	is       string // who is logged in
	isHidden bool   // from those who cannot reach the keyring: they know of a logout only
}

const (
	mine, other = 0, 1 // processes
	noLogin     = "none"
)

// situations are what there may be before, and who is logged in then. The void
// logins are of minute 1, the note is of minute 2, and the login of minute 3.
var situations = map[string]func(t *testing.T, s *scene){
	"none":       func(_ *testing.T, s *scene) { s.is = noLogin },
	"in keyring": func(t *testing.T, s *scene) { s.inKeyring(t, 3) },
	"in file":    func(t *testing.T, s *scene) { s.inFile(t, 3) },
	"in file, an older one in the keyring": func(t *testing.T, s *scene) {
		s.inKeyring(t, 1)
		s.inFile(t, 3)
	},
	"in file, a void one in the keyring": func(t *testing.T, s *scene) {
		s.inKeyring(t, 1)
		s.note(t)
		s.inFile(t, 3)
	},
	"none, a void one in the keyring": func(t *testing.T, s *scene) {
		s.inKeyring(t, 1)
		s.note(t)
		s.is = noLogin
	},
	"in keyring, of another program after the note": func(t *testing.T, s *scene) {
		s.note(t)
		s.inKeyring(t, 3)
		s.isHidden = true
	},
}

func (s *scene) inKeyring(t *testing.T, n int) {
	require.NoError(t, s.service.Replace(background, dated(n)))
	s.is = dated(n).AccountID
}

func (s *scene) inFile(t *testing.T, n int) {
	require.NoError(t, s.file.Replace(background, dated(n)))
	s.is = dated(n).AccountID
}

func (s *scene) note(t *testing.T) {
	s.now = minute(2).Add(-time.Second)
	require.NoError(t, s.processes[mine].store.writeSource())
}

// arrange is a situation, each time in the same home.
func arrange(t *testing.T, home, situation string, isLocking bool) *scene {
	names, err := os.ReadDir(home)
	require.NoError(t, err)
	for _, each := range names {
		require.NoError(t, os.RemoveAll(filepath.Join(home, each.Name())))
	}
	if !isLocking {
		require.NoError(t, os.Mkdir(filepath.Join(home, turnFile), 0o700))
	}
	s := &scene{history: &history{home: home, file: memory.NewStore(), service: &service{Store: memory.NewStore()}}}
	for range 2 {
		p := &process{keyring: &client{service: s.service}}
		s.processes = append(s.processes, p)
		s.start(p)
	}
	situations[situation](t, s)
	s.now = minute(4)
	return s
}

// deeds are the writes, and who is logged in after them. A refresh is of what
// was found before.
var deeds = map[string]func(s *scene, p *process, n int) (attempt, string){
	"login": func(_ *scene, _ *process, n int) (attempt, string) {
		c := dated(n)
		return attempt{do: func(s *Store) error { return s.Replace(background, c) }}, c.AccountID
	},
	"key": func(_ *scene, _ *process, n int) (attempt, string) {
		c := storetest.Key(n)
		return attempt{do: func(s *Store) error { return s.Replace(background, c) }}, fmt.Sprintf("key sk-%d", n)
	},
	"logout": func(*scene, *process, int) (attempt, string) {
		return attempt{do: func(s *Store) error { return s.Delete(background) }}, noLogin
	},
	"refresh": func(_ *scene, p *process, n int) (attempt, string) {
		c := dated(n)
		record, err := p.store.Load(background)
		if err != nil {
			return attempt{do: func(*Store) error { return err }}, c.AccountID
		}
		return attempt{do: func(s *Store) error { return s.Swap(background, record.Revision, c) }}, c.AccountID
	},
}

// who is logged in, as a process sees it; "" if it cannot tell.
func who(t *testing.T, p *process) string {
	record, err := p.store.Load(background)
	unavailable := new(persist.UnavailableError)
	switch {
	case errors.As(err, &unavailable):
		return ""
	case errors.Is(err, persist.ErrNotFound):
		return noLogin
	}
	require.NoError(t, err)
	if record.Credential.Method == machine.MethodAPIKey {
		for n := range 10 {
			if record.Credential.Equal(storetest.Key(n)) {
				return fmt.Sprintf("key sk-%d", n)
			}
		}
	}
	return record.Credential.AccountID
}

// requireOneOf checks what every process sees: with a keyring that answers one of
// these, and without it the same, or that it is unknown.
func (s *scene) requireOneOf(t *testing.T, about string, want ...string) {
	t.Helper()
	for _, p := range s.processes {
		p.keyring.isDown = true
		cut := who(t, p)
		p.keyring.isDown = false
		require.Contains(t, want, who(t, p), about)
		if cut != "" && !(s.isHidden && cut == noLogin) {
			require.Contains(t, want, cut, about+", without a keyring")
		}
	}
}

// everywhere calls do for each situation, each write and each of its steps.
func everywhere(t *testing.T, do func(situation, deed string, isDown bool, step int) (isOver bool)) {
	for situation := range situations {
		for deed := range deeds {
			for _, isDown := range []bool{false, true} {
				for step := 0; !do(situation, deed, isDown, step); step++ {
					require.Less(t, step, 100)
				}
			}
		}
	}
}

func TestACrashAtAnyStepLeavesTheOldLoginOrTheNewOne(t *testing.T) {
	home := machinetest.Dir(t)
	everywhere(t, func(situation, deed string, isDown bool, step int) bool {
		s := arrange(t, home, situation, true)
		p := s.processes[mine]
		do, after := deeds[deed](s, p, 5)
		p.keyring.isDown = isDown
		left, at := step, ""
		p.at = func(name string) {
			if left--; left < 0 {
				at = name
				panic(crash{})
			}
		}
		isDone, err := p.run(do)
		about := fmt.Sprintf("%s, %s before %q, keyring down: %v: %v", situation, deed, at, isDown, err)
		want := []string{s.is, after}
		if isDone {
			want, s.isHidden = []string{after}, false
		} else if at == "" {
			want = []string{s.is}
		}
		s.requireOneOf(t, about, want...)
		return at == ""
	})
}

func TestWhoReadsAtAnyStepSeesTheOldLoginOrTheNewOne(t *testing.T) {
	home := machinetest.Dir(t)
	everywhere(t, func(situation, deed string, isDown bool, step int) bool {
		s := arrange(t, home, situation, true)
		do, after := deeds[deed](s, s.processes[mine], 5)
		s.processes[mine].keyring.isDown = isDown
		left, saw := step, s.is
		s.processes[mine].at = func(string) {
			if left--; left == -1 {
				saw = who(t, s.processes[other])
			}
		}
		isDone, err := s.processes[mine].run(do)
		about := fmt.Sprintf("%s, %s, step %d, keyring down: %v: %v", situation, deed, step, isDown, err)
		require.Contains(t, []string{s.is, after}, saw, about)
		switch {
		case isDone:
			s.isHidden = false
			s.requireOneOf(t, about, after)
		default:
			require.Equal(t, s.is, who(t, s.processes[other]), about)
		}
		return left >= 0
	})
}

func TestOfTwoWithoutALockTheOneOrTheOtherCounts(t *testing.T) {
	home := machinetest.Dir(t)
	everywhere(t, func(situation, deed string, isDown bool, step int) (isOver bool) {
		for otherDeed := range deeds {
			for _, isOtherDown := range []bool{false, true} {
				s := arrange(t, home, situation, false)
				p, q := s.processes[mine], s.processes[other]
				do, after := deeds[deed](s, p, 5)
				theirs, afterTheirs := deeds[otherDeed](s, q, 6)
				p.keyring.isDown, q.keyring.isDown = isDown, isOtherDown
				left, isTheirsDone := step, false
				p.at = func(string) {
					if left--; left == -1 {
						isTheirsDone, _ = q.run(theirs)
					}
				}
				isDone, err := p.run(do)
				p.keyring.isDown, q.keyring.isDown = false, false
				var want []string
				if isDone {
					want = append(want, after)
				}
				if isTheirsDone {
					want = append(want, afterTheirs)
				}
				if len(want) == 0 {
					want = []string{s.is}
				}
				about := fmt.Sprintf("%s, %s (down: %v), at step %d %s (down: %v): %v", situation, deed, isDown, step, otherDeed, isOtherDown, err)
				require.Contains(t, want, who(t, p), about)
				require.Contains(t, want, who(t, q), about)
				isOver = left >= 0
			}
		}
		return isOver
	})
}

// A reader looks into the file first. What leaves the keyring for the file
// meanwhile must not be missed by it.
func TestAReaderDoesNotMissALoginThatMoves(t *testing.T) {
	s := arrange(t, machinetest.Dir(t), "in keyring", true)
	writer := s.processes[other]
	writer.keyring.isDown = true
	isMoved := false
	reader := Open(s.home, s.processes[mine].keyring, &peeking{s.file, func() {
		if !isMoved {
			isMoved = true
			require.NoError(t, writer.store.Replace(background, dated(5)))
		}
	}}, Options{Log: noLog, Now: s.tick})
	record, err := reader.Load(background)
	require.NoError(t, err)
	require.True(t, record.Credential.Equal(dated(5)))
}

// peeking is a file that something happens to right after it was read.
type peeking struct {
	persist.Store
	after func()
}

func (p *peeking) Load(ctx context.Context) (persist.Record, error) {
	defer p.after()
	return p.Store.Load(ctx)
}

func TestAKeyringThatIsDownIsAskedOnceByAReader(t *testing.T) {
	s := arrange(t, machinetest.Dir(t), "none, a void one in the keyring", true)
	p, asked := s.processes[mine], 0
	p.keyring.isDown = true
	reader := Open(s.home, &counting{p.keyring, &asked}, s.file, Options{Log: noLog, Now: s.tick})
	_, err := reader.Load(background)
	require.ErrorIs(t, err, persist.ErrNotFound)
	require.Equal(t, 1, asked)
}

type counting struct {
	persist.Store
	loads *int
}

func (c *counting) Load(ctx context.Context) (persist.Record, error) {
	*c.loads++
	return c.Store.Load(ctx)
}
