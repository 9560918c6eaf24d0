package processes

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// A judge that calls every loss a drop, or takes any death for a reason, would let the
// storms pass whatever is lost in them.
func TestStormJudgeTellsADropFromALoss(t *testing.T) {
	spent, granted, later := secret.New("spent"), secret.New("granted"), secret.New("later")
	s := &storm{scene: &scene{names: machine.Issuer{TokenEndpoint: "https://issuer.example/token", ClientID: "client"}}, archive: &archive{sets: map[secret.Fingerprint]givenSet{
		granted.Fingerprint(): {login: spent.Fingerprint()},
	}}}
	post, key := posted{token: spent, next: granted, at: machinetest.Dawn}, s.names.TokenID(spent)
	dropped := persist.Entry{Kind: persist.Rotated, TokenID: key, At: machinetest.Dawn}
	for name, row := range map[string]struct {
		stored time.Duration // the later login, after the save began; 0 for no such login
		entry  persist.Entry
		isDrop bool
	}{
		"a login came first":       {-time.Minute, dropped, true},
		"a login came in the save": {time.Second, dropped, true},
		"a login came long after":  {time.Minute, dropped, false},
		"no login came":            {0, dropped, false},
		"the successor is named":   {-time.Minute, persist.Entry{Kind: persist.Rotated, TokenID: key, At: machinetest.Dawn, NextID: "next"}, false},
		"it is not written down":   {-time.Minute, persist.Entry{Kind: persist.Intended, TokenID: key, At: machinetest.Dawn}, false},
	} {
		s.made = []storedLogin{{spent.Fingerprint(), machinetest.Dawn.Add(-time.Hour)}}
		if row.stored != 0 {
			s.made = append(s.made, storedLogin{later.Fingerprint(), machinetest.Dawn.Add(row.stored)})
		}
		s.entries = []persist.Entry{row.entry}
		require.Equal(t, row.isDrop, s.isDisplaced(post), name)
	}
	s.entries = []persist.Entry{
		{Kind: persist.Intended, TokenID: key, PID: 1}, {Kind: persist.Intended, TokenID: key, PID: 2},
		{Kind: persist.Intended, TokenID: "another", PID: 3}, {Kind: persist.Rotated, TokenID: "another", PID: 3},
	}
	s.killed = map[int]death{1: {at: machinetest.Dawn}, 2: {at: machinetest.Dawn.Add(time.Second)}}
	windows := s.windows(t)
	require.Len(t, windows, 1)
	require.Equal(t, []death{s.killed[1], s.killed[2]}, windows[key], "the first poster comes first")
}
