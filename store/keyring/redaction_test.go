package keyring

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

const sentinel = "S3NT1NEL"

func sentinelLogin() machine.Credential {
	c := storetest.TokenSet(1)
	c.AccessToken, c.RefreshToken = secret.New(sentinel+"-access"), secret.New(sentinel+"-refresh")
	return c
}

// TestNoErrorLogOrFileTellsASecret does everything, in every way it can fail,
// and searches what is said and what is on the disk.
func TestNoErrorLogOrFileTellsASecret(t *testing.T) {
	var said bytes.Buffer
	log := slog.New(slog.NewJSONHandler(&said, &slog.HandlerOptions{Level: slog.LevelDebug}))
	home, ring := machinetest.Dir(t), new(vault)
	var key string
	attempt := func(limitBytes int, before func(string) error) {
		ring.before = before
		s := Open(home, Options{Ring: ring, Patience: patience, LimitBytes: limitBytes, Log: log, Disk: disk.Disk{Before: func(step string) { fmt.Fprintln(&said, step) }}})
		require.NoError(t, os.WriteFile(filepath.Join(home, "auth.json"), nil, 0o600))
		record, err := s.Load(background)
		for _, err := range []error{
			err, reserve(background, s, sentinelLogin()), s.Swap(background, record.Revision, sentinelLogin()),
			s.Swap(background, "other", sentinelLogin()), s.Replace(background, sentinelLogin()),
		} {
			fmt.Fprintf(&said, "%v %+v %#v\n", err, err, err)
		}
		ring.before = nil
		if value, err := ring.Get(service, s.item().account); err == nil && limitBytes == sealAll {
			p, err := pointerOf(value)
			require.NoError(t, err)
			key = base64.StdEncoding.EncodeToString(p.Key)
		}
	}
	for _, limitBytes := range []int{0, sealAll} {
		attempt(limitBytes, nil)
		attempt(limitBytes, whenAsked(errLocked, "set"))
		attempt(limitBytes, whenAsked(errLocked, "get", "set"))
		attempt(limitBytes, func(string) error { panic(sentinel) })
	}
	for _, value := range []string{`{"OPENAI_API_KEY":"` + sentinel, `{"sealed":{"generation":"` + sentinel + `","key":"` + sentinel + `"}}`} {
		ring.before = nil
		require.NoError(t, ring.Set(service, openQuiet(home, ring, 0).item().account, value))
		attempt(sealAll, nil)
	}
	require.NotEmpty(t, key)
	files, err := os.ReadDir(home)
	require.NoError(t, err)
	for _, each := range files {
		content, _ := os.ReadFile(filepath.Join(home, each.Name()))
		fmt.Fprintf(&said, "%s: %s\n", each.Name(), content)
	}
	require.Contains(t, said.String(), "auth.sealed.")
	require.False(t, strings.Contains(said.String(), sentinel), "a secret can be read")
	require.False(t, strings.Contains(said.String(), key), "the key of a sealed login can be read")
}
