package transcripts

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/properties/programtest"
)

func TestMain(m *testing.M) { programtest.Main(m) }

// Each file in testdata/transcripts is a conversation, and what codex 0.169.0 did
// in it. The first flag records that anew, the second compares without writing.
var (
	recordFrom = flag.String("transcripts.record", "", "a `program`, Codex, whose behaviour is to be recorded")
	verifyWith = flag.String("transcripts.verify", "", "a `program`, Codex, that the records must still agree with")
)

// TestDifferencesFromCodexAreIntended holds the same conversations with bezoar
// that Codex was recorded in, and compares all that came of them:
// answers, notifications, what the issuer was sent and what is left on the disk.
// A difference must be listed with its reason, and what is listed must differ.
func TestDifferencesFromCodexAreIntended(t *testing.T) {
	program, err := programtest.Path()
	require.NoError(t, err)
	intended, unused := intendedDifferences(t)
	var found sync.Mutex // guards unused
	t.Run("records", func(t *testing.T) {
		for _, script := range transcripts(t) {
			t.Run(script.name, func(t *testing.T) {
				t.Parallel()
				script.consult(t)
				var surprises []string
				for _, at := range differences("", script.Reference, script.hold(t, program)) {
					place := script.name + " " + at
					if intended[place] == "" {
						surprises = append(surprises, place)
					}
					found.Lock()
					delete(unused, place)
					found.Unlock()
				}
				require.Empty(t, surprises, "these differences have no reason in the list")
			})
		}
	})
	require.Empty(t, unused, "these do not differ (any more)")
}

// comparison is a conversation with its record.
type comparison struct {
	name      string
	file      string
	About     string         `json:"about"`
	Home      map[string]any `json:"home,omitempty"`   // files
	Issuer    []scripted     `json:"issuer,omitempty"` // answers to refreshes; the last one repeats
	Steps     []transcribed  `json:"steps"`
	Reference map[string]any `json:"reference"`
}

type scripted struct {
	Status int `json:"status"`
	Body   any `json:"body,omitempty"`
}

// transcribed is a step: a question, a line as it is, or a save by another program.
type transcribed struct {
	Ask    string `json:"ask,omitempty"`
	Params any    `json:"params,omitempty"`
	Write  any    `json:"write_auth_json,omitempty"`
}

func transcripts(t *testing.T) (all []*comparison) {
	files, err := filepath.Glob(filepath.Join("testdata", "*.json"))
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		script := &comparison{file: file, name: strings.TrimSuffix(filepath.Base(file), ".json")}
		decoder := json.NewDecoder(bytes.NewReader(text))
		decoder.DisallowUnknownFields()
		require.NoError(t, decoder.Decode(script), file)
		all = append(all, script)
	}
	return all
}

// consult asks a reference program, if there is one.
func (s *comparison) consult(t *testing.T) {
	if *verifyWith != "" {
		require.Empty(t, differences("", s.Reference, s.hold(t, *verifyWith)), "the record is not of this program")
	}
	if *recordFrom == "" {
		return
	}
	s.Reference = s.hold(t, *recordFrom)
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	require.NoError(t, encoder.Encode(s))
	require.NoError(t, os.WriteFile(s.file, text.Bytes(), 0o644))
}

// intendedDifferences reads the list: transcript, place, and why.
func intendedDifferences(t *testing.T) (intended, unused map[string]string) {
	intended, unused = map[string]string{}, map[string]string{}
	text, err := os.ReadFile(filepath.Join("testdata", "intended-differences.txt"))
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		words := strings.Fields(line)
		require.Greater(t, len(words), 2, "without a reason: %s", line)
		key := words[0] + " " + words[1]
		intended[key], unused[key] = line, line
	}
	return intended, unused
}

// differences are the places at which two values differ, as deep as both have members.
func differences(at string, want, got any) (places []string) {
	switch want := want.(type) {
	case map[string]any:
		if got, ok := got.(map[string]any); ok {
			for _, name := range membersOf(want, got) {
				places = append(places, differences(strings.TrimPrefix(at+"."+name, "."), member(want, name), member(got, name))...)
			}
			return places
		}
	case []any:
		if got, ok := got.([]any); ok {
			for i := range max(len(want), len(got)) {
				places = append(places, differences(fmt.Sprintf("%s[%d]", at, i), item(want, i), item(got, i))...)
			}
			return places
		}
	}
	if want != got {
		return []string{at}
	}
	return nil
}

func membersOf(one, other map[string]any) (names []string) {
	for _, each := range []map[string]any{one, other} {
		for name := range each {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// missing is what stands where there is nothing: null is something.
const missing = "(missing)"

func member(object map[string]any, name string) any {
	if value, ok := object[name]; ok {
		return value
	}
	return missing
}

func item(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return missing
}
