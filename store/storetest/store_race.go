package storetest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// rounds is how often a race is run: a quarter of n in the short form of the tests.
func rounds(n int) int {
	if machinetest.Long() {
		return n
	}
	return max(n/4, 4)
}

func lockExcludes(t *testing.T, site StoreSite) {
	handles := []persist.Store{site.Open(), site.Open()}
	ctx := limited(t)
	var inside atomic.Int32
	var callers sync.WaitGroup
	for i := range 8 {
		callers.Go(func() {
			for range rounds(20) {
				unlock, err := handles[i%2].Lock(ctx)
				if err != nil {
					t.Errorf("lock: %v", err)
					return
				}
				if inside.Add(1) != 1 {
					t.Error("two have the lock")
				}
				_, _ = handles[i%2].Load(ctx) // some time passes
				inside.Add(-1)
				unlock()
			}
		})
	}
	callers.Wait()
}

func lockHonoursContext(t *testing.T, site StoreSite) {
	holder, other := site.Open(), site.Open()
	unlock, err := holder.Lock(limited(t))
	require.NoError(t, err)
	for _, waiting := range []persist.Store{holder, other} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		_, err := waiting.Lock(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		cancel()
		_, err = waiting.Lock(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	}
	unlock()
	for _, next := range []persist.Store{other, holder} {
		unlock, err := next.Lock(limited(t))
		require.NoError(t, err, "who gave up waiting left nothing locked")
		unlock()
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for range 20 {
		_, err = holder.Lock(ended)
		require.ErrorIs(t, err, context.Canceled, "even if the lock is free")
	}
}

func loginDoesNotWait(t *testing.T, site StoreSite) {
	unlock, err := site.Open().Lock(limited(t))
	require.NoError(t, err)
	defer unlock()
	other := site.Open()
	require.NoError(t, other.Replace(limited(t), loginOf(site, 1)))
	require.NoError(t, other.Swap(limited(t), requireStored(t, other, loginOf(site, 1)), loginOf(site, 2)))
	require.NoError(t, other.Delete(limited(t)))
	requireNoLogin(t, other)
}

func oneSwapWins(t *testing.T, site StoreSite) {
	handles := []persist.Store{site.Open(), site.Open(), site.Open()}
	require.NoError(t, handles[0].Replace(background, loginOf(site, 100)))
	for round := range rounds(20) {
		record, err := handles[0].Load(background)
		require.NoError(t, err)
		won := make(chan machine.Credential, 12)
		var callers sync.WaitGroup
		for i := range cap(won) {
			callers.Go(func() {
				next := loginOf(site, 1000+round*100+i)
				err := handles[i%len(handles)].Swap(background, record.Revision, next)
				if err == nil {
					won <- next
				} else if !errors.Is(err, persist.ErrConflict) {
					t.Errorf("a lost race is reported as %v", err)
				}
			})
		}
		callers.Wait()
		require.Len(t, won, 1)
		requireStored(t, handles[1], <-won)
	}
}

// loginIsNeverUndone lets a login and a refresh be written at the same moment:
// whichever is first, the login is there in the end.
func loginIsNeverUndone(t *testing.T, site StoreSite) {
	user, refresher, deleter := site.Open(), site.Open(), site.Open()
	for n := 1000; n < 1000+rounds(40); n++ {
		require.NoError(t, user.Replace(background, loginOf(site, n)))
		base := requireStored(t, refresher, loginOf(site, n))
		var writers sync.WaitGroup
		writers.Go(func() { _ = refresher.Swap(background, base, loginOf(site, n+1000)) })
		var err error
		writers.Go(func() {
			if n%4 == 0 {
				err = deleter.Delete(background)
			} else {
				err = user.Replace(background, loginOf(site, n+2000))
			}
		})
		writers.Wait()
		require.NoError(t, err)
		if n%4 == 0 {
			requireNoLogin(t, user)
		} else {
			requireStored(t, user, loginOf(site, n+2000))
		}
	}
}

// bulky is a login of several pages, which a read can see change halfway.
func bulky(site StoreSite, n int) machine.Credential {
	c := loginOf(site, n)
	c.AccessToken = secret.New(c.AccessToken.Reveal() + strings.Repeat(".", 20_000))
	return c
}

func readersSeeWholeRecords(t *testing.T, site StoreSite) {
	require.NoError(t, site.Open().Replace(background, bulky(site, 1000)))
	ctx, end := context.WithCancel(t.Context())
	var readers, writers sync.WaitGroup
	for range 3 {
		reader := site.Open()
		readers.Go(func() {
			for ctx.Err() == nil {
				checkWhole(t, reader)
			}
		})
	}
	for w := range 2 {
		writer := site.Open()
		writers.Go(func() {
			for n := range rounds(10) {
				writeSomehow(t, writer, bulky(site, 1000+w*100+n))
			}
		})
	}
	writers.Wait()
	end()
	readers.Wait()
}

func writeSomehow(t *testing.T, s persist.Store, c machine.Credential) {
	record, err := s.Load(background)
	if err == nil {
		err = s.Swap(background, record.Revision, c)
	}
	if errors.Is(err, persist.ErrConflict) {
		err = s.Replace(background, c)
	}
	if err != nil {
		t.Errorf("write: %v", err)
	}
}

func checkWhole(t *testing.T, s persist.Store) {
	record, err := s.Load(background)
	c := record.Credential
	number, _ := strings.CutPrefix(c.AccountID, "account-")
	switch {
	case err != nil:
		t.Errorf("a reader sees no record: %v", err)
	case !strings.HasPrefix(c.AccessToken.Reveal(), "access-"+number+".") || c.RefreshToken.Reveal() != "refresh-"+number:
		t.Error("a reader sees a record made of two")
	}
}
