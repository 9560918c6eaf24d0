package storetest

import (
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// randomStore lets several processes write in any order, and asks after each
// step whether they all see what a variable would hold.
func randomStore(t *rapid.T, site StoreSite) {
	m := &storeModel{
		site:      site,
		handles:   []persist.Store{site.Open(), site.Open()},
		bases:     []persist.Revision{""},
		revisions: map[persist.Revision]machine.Credential{},
		stamps:    map[persist.Stamp]persist.Revision{},
	}
	t.Repeat(map[string]func(*rapid.T){
		"replace": m.replace,
		"swap":    m.swap,
		"delete":  m.delete,
		"reserve": m.reserve,
		"lock":    m.lock,
		"":        m.check,
	})
}

type storeModel struct {
	site      StoreSite
	handles   []persist.Store
	bases     []persist.Revision  // all that there ever were
	current   *machine.Credential // nil if there is no login
	revision  persist.Revision    // of current
	revisions map[persist.Revision]machine.Credential
	stamps    map[persist.Stamp]persist.Revision
}

func (m *storeModel) any(t *rapid.T) persist.Store {
	return rapid.SampledFrom(m.handles).Draw(t, "process")
}

func (m *storeModel) anyCredential(t *rapid.T) machine.Credential {
	n := rapid.IntRange(1, 5).Draw(t, "login")
	_, isAccount := m.site.(Accounts)
	switch kind := rapid.IntRange(0, 3).Draw(t, "kind"); {
	case kind == 0 && !isAccount:
		return Key(n)
	case kind == 1:
		c := loginOf(m.site, n)
		c.RefreshToken = secret.New(rapid.String().Draw(t, "refresh token"))
		return c
	}
	return loginOf(m.site, n)
}

func (m *storeModel) replace(t *rapid.T) {
	c := m.anyCredential(t)
	require.NoError(t, m.any(t).Replace(background, c))
	m.current = &c
}

func (m *storeModel) swap(t *rapid.T) {
	base, c := m.revision, m.anyCredential(t)
	if rapid.Bool().Draw(t, "of something older") {
		base = rapid.SampledFrom(m.bases).Draw(t, "base")
	}
	err := m.any(t).Swap(background, base, c)
	if m.current == nil || base != m.revision {
		requireConflict(t, err)
		return
	}
	require.NoError(t, err)
	m.current = &c
}

func (m *storeModel) delete(t *rapid.T) {
	require.NoError(t, m.any(t).Delete(background))
	m.current = nil
}

func (m *storeModel) reserve(t *rapid.T) {
	reserve(t, m.any(t), m.anyCredential(t))()
}

func (m *storeModel) lock(t *rapid.T) {
	unlock, err := m.any(t).Lock(background)
	require.NoError(t, err)
	unlock()
}

func (m *storeModel) check(t *rapid.T) {
	for i, s := range m.handles {
		stamp := stampOf(t, m.site, s)
		if m.current == nil {
			requireNoLogin(t, s)
			m.revision = ""
		} else if revision := requireStored(t, s, *m.current); i == 0 {
			m.revision = revision
		} else {
			require.Equal(t, m.revision, revision, "both see one revision")
		}
		requireUnchanged(t, stamp, stampOf(t, m.site, s), "to read is no change")
		if earlier, known := m.stamps[stamp.stamp]; stamp.known && known {
			require.Equal(t, earlier, m.revision, "one stamp, one record")
		}
		if stamp.known {
			m.stamps[stamp.stamp] = m.revision
		}
	}
	if m.current == nil {
		return
	}
	if earlier, known := m.revisions[m.revision]; known {
		require.True(t, earlier.Equal(*m.current), "one revision, one login")
	}
	m.bases = append(m.bases, m.revision)
	m.revisions[m.revision] = *m.current
}
