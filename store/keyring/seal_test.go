package keyring

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/authjson"
)

func requireUnreadable(t *testing.T, err error) {
	t.Helper()
	unreadable := new(persist.UnreadableError)
	require.ErrorAs(t, err, &unreadable)
}

// sealedLogin is a home with newLogin in a sealed file.
func sealedLogin(t *testing.T) (s *Store, ring *vault, file string) {
	ring = new(vault)
	s = openQuiet(machinetest.Dir(t), ring, sealAll)
	require.NoError(t, s.Replace(background, newLogin))
	return s, ring, sealedFiles(t, s.home)[0]
}

func TestASealedLoginThatWasTamperedWithIsUnreadable(t *testing.T) {
	s, _, file := sealedLogin(t)
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	requireSpoilt := func(content []byte) {
		t.Helper()
		require.NoError(t, os.WriteFile(file, content, 0o600))
		_, err := s.Load(background)
		requireUnreadable(t, err)
	}
	for i := range whole {
		spoilt := bytes.Clone(whole)
		spoilt[i] ^= 1
		requireSpoilt(spoilt)
	}
	requireSpoilt(nil)
	requireSpoilt(whole[:len(whole)-1])
	requireSpoilt(append(whole, 0))
	require.NoError(t, os.WriteFile(file, whole, 0o600))
	require.Equal(t, "new", stored(t, s))
}

func TestASealedLoginOpensInItsHomeAndGenerationOnly(t *testing.T) {
	p := newPointer()
	content, err := document(newLogin, nil)
	require.NoError(t, err)
	sealed, err := p.seal("cli|0", content)
	require.NoError(t, err)
	opened, err := p.open("cli|0", sealed)
	require.NoError(t, err)
	require.True(t, bytes.Equal(content, opened))

	_, err = p.open("cli|1", sealed)
	require.ErrorIs(t, err, errNotSealedHere, "another home")
	later := p
	later.Generation = newPointer().Generation
	_, err = later.open("cli|0", sealed)
	require.ErrorIs(t, err, errNotSealedHere, "another generation")
	other := p
	other.Key = newPointer().Key
	_, err = other.open("cli|0", sealed)
	require.ErrorIs(t, err, errNotSealedHere, "another key")
}

func TestOlderSealedFileDoesNotOpen(t *testing.T) {
	s, _, file := sealedLogin(t)
	older, err := os.ReadFile(file)
	require.NoError(t, err)
	require.NoError(t, s.Replace(background, oldLogin))
	newer := sealedFiles(t, s.home)[0]
	require.NotEqual(t, file, newer)
	require.NoError(t, os.WriteFile(newer, older, 0o600))
	_, err = s.Load(background)
	requireUnreadable(t, err)
}

func TestABrokenPointerIsUnreadableAndLeadsNowhere(t *testing.T) {
	home, ring := machinetest.Dir(t), new(vault)
	s := openQuiet(home, ring, sealAll)
	key := `"` + strings.Repeat("A", 43) + `="`
	for value, says := range map[string]string{
		`{"sealed":{}}`: "no proper key",
		`{"sealed":{"generation":"../../etc/passwd","key":` + key + `}}`:                "no proper key",
		`{"sealed":{"generation":"` + strings.Repeat("0", 30) + `","key":` + key + `}}`: "no proper key",
		`{"sealed":{"generation":"` + strings.Repeat("0", 32) + `","key":"QUFB"}}`:      "no proper key",
		`{"sealed":{"generation":"` + strings.Repeat("0", 32) + `","key":` + key + `}}`: "file is missing",
		`{"sealed":{"generation":7}}`: "no tokens",
		`{"sealed":null}`:             "no tokens",
		``:                            "not valid JSON",
		`S3NT1NEL`:                    "not valid JSON",
		`{}`:                          "no tokens",
		`[]`:                          "not a JSON object",
		`null`:                        "not a JSON object",
	} {
		require.NoError(t, ring.Set(service, s.item().account, value))
		_, err := s.Load(background)
		requireUnreadable(t, err)
		require.ErrorContains(t, err, says)
		require.NotContains(t, err.Error(), "S3NT1NEL")
		require.NoError(t, s.Replace(background, newLogin), "a login replaces it")
		require.Equal(t, "new", stored(t, s))
	}
}

// FuzzDecode gives the decoder any value of a keyring and any sealed file: it
// returns a login or one of three errors, and no error tells the content.
func FuzzDecode(f *testing.F) {
	p := pointer{Generation: strings.Repeat("0a", generationBytes), Key: bytes.Repeat([]byte{7}, keyBytes)}
	value, err := p.value()
	require.NoError(f, err)
	content, err := document(newLogin, nil)
	require.NoError(f, err)
	sealed, err := p.seal("cli|0", content)
	require.NoError(f, err)
	f.Add(value, sealed, false)
	f.Add(value, sealed[:len(sealed)-1], false)
	f.Add(value, content, true)
	f.Add(value, []byte(`{"OPENAI_API_KEY":"S3NT1NEL"}`), true)
	f.Add(string(content), []byte(nil), false)
	f.Add(strings.Replace(value, p.Generation, "../x", 1), sealed, false)
	f.Add(`{"OPENAI_API_KEY":"S3NT1NEL"`, sealed, false)
	f.Fuzz(func(t *testing.T, value string, file []byte, isGenuine bool) {
		if isGenuine { // then what is in the file is anything
			var read sealedValue
			if json.Unmarshal([]byte(value), &read) == nil && read.Sealed != nil && len(read.Sealed.Key) == keyBytes {
				file, _ = read.Sealed.seal("cli|0", file)
			}
		}
		found, err := decode(authjson.Format, value, "cli|0", func(name string) ([]byte, error) {
			require.Regexp(t, `^auth\.sealed\.[0-9a-fA-F]{32}$`, name, "no value leads out of the home")
			return file, nil
		})
		if err != nil {
			unreadable := new(persist.UnreadableError)
			require.True(t, errors.As(err, &unreadable) && !errors.Is(err, fs.ErrNotExist), "%T", err)
			require.NotContains(t, err.Error(), "S3NT1NEL")
			return
		}
		again, err := authjson.Decode(found.content)
		require.NoError(t, err)
		require.True(t, again.Equal(found.record.Credential))
		require.NotEmpty(t, found.record.Revision)
	})
}
