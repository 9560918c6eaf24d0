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
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/memory"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

// The property: two processes log in and out and refresh, while the keyring goes
// up and down for each of them, hangs and does late what it was asked, or says
// that it failed when it did not; processes crash between any two steps, read
// what is there at any step of the other, and, where nothing can be locked,
// write there. Every login and logout has a number. What a load then tells is
// never older than the last that was acknowledged, nor than what was seen before.

// service is the keyring that the processes share.
type service struct {
	persist.Store
	isHung bool
	late   func() // what it was asked when it began to hang
}

// client is a process's way to the service.
type client struct {
	*service
	isDown bool
	lies   bool // it does what it is asked and says that it failed
	hangs  bool // from the next write on
}

var errNoKeyring = &persist.UnavailableError{Err: errors.New("no keyring")}

func (c *client) read(do func() error) error {
	if c.isDown || c.isHung {
		return errNoKeyring
	}
	return do()
}

func (c *client) write(do func() error) error {
	if c.hangs && !c.isDown && !c.isHung {
		c.hangs, c.isHung = false, true
		c.late = func() { _ = do() }
	}
	err := c.read(do)
	if err == nil && c.lies {
		return errNoKeyring
	}
	return err
}

func (c *client) Load(ctx context.Context) (record persist.Record, err error) {
	err = c.read(func() error { record, err = c.Store.Load(ctx); return err })
	return record, err
}

func (c *client) Replace(ctx context.Context, l machine.Credential) error {
	return c.write(func() error { return c.Store.Replace(ctx, l) })
}

func (c *client) Swap(ctx context.Context, base persist.Revision, l machine.Credential) error {
	return c.write(func() error { return c.Store.Swap(ctx, base, l) })
}

func (c *client) Delete(ctx context.Context) error {
	return c.write(func() error { return c.Store.Delete(ctx) })
}

// process is one that may crash and be started again.
type process struct {
	keyring *client
	store   *Store
	at      func(step string) // what happens at a step of it
}

type history struct {
	home      string
	file      persist.Store
	service   *service
	processes []*process
	isLocking bool // the home can lock
	now       time.Time
	attempts  []*machine.Credential // by number; nil for a logout
	floor     int                   // the oldest attempt that may be found
	theirs    int                   // the last attempt of another program
}

func newHistory(t *rapid.T, home string) *history {
	h := &history{
		home: home, file: memory.NewStore(), service: &service{Store: memory.NewStore()},
		now: time.Date(2026, 11, 25, 0, 0, 0, 0, time.UTC), attempts: []*machine.Credential{nil},
		isLocking: rapid.Bool().Draw(t, "the home can lock"),
	}
	if !h.isLocking {
		require.NoError(t, os.Mkdir(filepath.Join(home, turnFile), 0o700))
	}
	for range 2 {
		p := &process{keyring: &client{service: h.service}}
		h.processes = append(h.processes, p)
		h.start(p)
	}
	return h
}

func (h *history) start(p *process) {
	p.at = func(string) {}
	p.store = Open(h.home, p.keyring, h.file, Options{
		Log: noLog, Now: h.tick, Disk: disk.Disk{Before: func(step string) { p.at(step) }},
	})
}

func (h *history) tick() time.Time {
	h.now = h.now.Add(time.Second)
	return h.now
}

func (h *history) any(t *rapid.T) (p, other *process) {
	i := rapid.IntRange(0, 1).Draw(t, "process")
	return h.processes[i], h.processes[1-i]
}

// attempt is a write with a number of its own.
type attempt struct {
	number int
	do     func(s *Store) error
}

func (h *history) next(c *machine.Credential) int {
	h.attempts = append(h.attempts, c)
	return len(h.attempts) - 1
}

func (h *history) draw(t *rapid.T, p *process) attempt {
	number := len(h.attempts)
	c := storetest.TokenSet(number)
	c.LastRefresh = h.tick()
	switch rapid.SampledFrom([]string{"login", "key", "logout", "refresh"}).Draw(t, "write") {
	case "key":
		c = storetest.Key(number)
	case "logout":
		return attempt{h.next(nil), func(s *Store) error { return s.Delete(background) }}
	case "refresh":
		if record, err := p.store.Load(background); err == nil {
			return attempt{h.next(&c), func(s *Store) error { return s.Swap(background, record.Revision, c) }}
		}
	}
	return attempt{h.next(&c), func(s *Store) error { return s.Replace(background, c) }}
}

type crash struct{}

// run reports whether the write was acknowledged.
func (p *process) run(a attempt) (isDone bool, err error) {
	defer func() {
		p.at = func(string) {}
		if r := recover(); r != nil && r != (crash{}) {
			panic(r)
		}
	}()
	err = a.do(p.store)
	return err == nil, err
}

// write does one thing, with another process or an end in the middle of it.
func (h *history) write(t *rapid.T) {
	p, other := h.any(t)
	mine := h.draw(t, p)
	oldest := mine.number
	left := rapid.IntRange(0, 20).Draw(t, "step")
	event := rapid.SampledFrom([]string{"nothing", "nothing", "crash", "read", "write"}).Draw(t, "in the middle")
	p.at = func(string) {
		if left--; left != -1 {
			return
		}
		switch {
		case event == "crash":
			panic(crash{})
		case event == "read":
			h.look(t, other)
		case event == "write" && !h.isLocking:
			theirs := h.draw(t, other)
			if isDone, _ := other.run(theirs); isDone {
				h.floor = max(h.floor, oldest)
			}
		}
	}
	if isDone, _ := p.run(mine); isDone {
		h.floor = max(h.floor, oldest)
	}
}

func (h *history) restart(t *rapid.T) {
	p, _ := h.any(t)
	h.start(p)
}

func (h *history) upOrDown(t *rapid.T) {
	p, _ := h.any(t)
	p.keyring.isDown = rapid.Bool().Draw(t, "down")
	p.keyring.lies = rapid.Bool().Draw(t, "lies")
	p.keyring.hangs = rapid.Bool().Draw(t, "hangs")
}

// recover ends a hanging, with or without what was asked.
func (h *history) recover(t *rapid.T) {
	late := h.service.late
	h.service.isHung, h.service.late = false, nil
	if late != nil && rapid.Bool().Draw(t, "late") {
		late()
	}
}

// reference is another program that logs in, in auto mode.
func (h *history) reference(t *rapid.T) {
	if h.service.isHung {
		return
	}
	c := storetest.TokenSet(len(h.attempts))
	c.LastRefresh = h.tick()
	number := h.next(&c)
	require.NoError(t, h.service.Replace(background, c))
	require.NoError(t, h.file.Delete(background))
	h.floor, h.theirs = number, number
}

func (h *history) read(t *rapid.T) {
	p, _ := h.any(t)
	h.look(t, p)
}

// look loads, and checks that it is nothing old.
func (h *history) look(t *rapid.T, p *process) {
	stamp, isKnown := p.store.Stamp(background)
	record, err := p.store.Load(background)
	if unavailable := new(persist.UnavailableError); errors.As(err, &unavailable) {
		require.True(t, p.keyring.isDown || p.keyring.isHung, "the store does not know, and the keyring is up")
		return
	}
	isCut := p.keyring.isDown || p.keyring.isHung
	if err != nil && isCut && (h.floor == h.theirs || !h.isLocking) {
		return // it is known that there was a logout, and not that there was a login beside or after it
	}
	found := h.find(t, record.Credential, err)
	require.GreaterOrEqual(t, found, h.floor, "attempt %d counts again after attempt %d", found, h.floor)
	if err == nil {
		h.floor = found
	}
	if again, isStill := p.store.Stamp(background); isKnown && isStill && again == stamp {
		again, err := p.store.Load(background)
		require.NoError(t, err)
		require.Equal(t, record.Revision, again.Revision)
	}
}

// find is the number of what was loaded: of logouts, the last.
func (h *history) find(t *rapid.T, c machine.Credential, err error) int {
	for number := len(h.attempts) - 1; number >= 0; number-- {
		each := h.attempts[number]
		if each == nil && errors.Is(err, persist.ErrNotFound) || err == nil && each != nil && c.Equal(*each) {
			return number
		}
	}
	require.FailNow(t, fmt.Sprintf("what was loaded was never stored: %v", err))
	return -1
}

func TestNothingOlderThanWhatWasAcknowledgedComesBack(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		h := newHistory(r, machinetest.Dir(t))
		r.Repeat(map[string]func(*rapid.T){
			"write": h.write, "write more": h.write,
			"read":       h.read,
			"restart":    h.restart,
			"up or down": h.upOrDown,
			"recover":    h.recover,
			"reference":  h.reference,
		})
		h.recover(r)
		for _, p := range h.processes {
			p.keyring.isDown, p.keyring.lies, p.keyring.hangs = false, false, false
			h.look(r, p)
		}
	})
}
