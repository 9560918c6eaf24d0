package journal

import (
	"bytes"
	"encoding/json"
	"iter"
	"slices"
	"time"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// auditEntries are the newest entries, which a compaction keeps for people.
const auditEntries = 256

// Retain marks the entries that a compaction keeps: [Replay] makes of [PastEntries]
// and them what it makes of all, for every endpoint. It keeps the entries of open
// posts as well, the newest of kinds that this version does not know, and the newest of
// all, for people.
func Retain(entries []persist.Entry, open map[secret.Fingerprint]bool) []bool {
	retained := make([]bool, len(entries))
	met := newMet()
	for i, e := range slices.Backward(entries) {
		retained[i] = met.decides(e) || open[e.TokenID] || i >= len(entries)-auditEntries
	}
	return retained
}

// met is what was met on the way back through a journal.
type met struct {
	verdicts, rotations, expiries, losses, ends, endpoints, origins, successions, objections latest

	login, made bool
	unknown     int
}

func newMet() *met {
	return &met{
		verdicts: latest{}, rotations: latest{}, expiries: latest{}, losses: latest{}, ends: latest{}, endpoints: latest{}, origins: latest{},
		successions: latest{}, objections: latest{},
	}
}

// decides reports whether an entry decides anything that no later entry has decided.
func (m *met) decides(e persist.Entry) bool {
	said := factsOf(e)
	decisions := []bool{
		said.verdict.TokenID != "" && m.verdicts.first(said.verdict.TokenID),
		said.rotation.TokenID != "" && m.rotations.first(said.rotation.TokenID),
		said.expiry.Access != "" && m.expiries.first(said.expiry.Access),
		said.lost.TokenID != "" && m.losses.first(said.lost.TokenID),
		said.ended.TokenID != "" && m.ends.first(said.ended.TokenID),
		said.ofEndpoint && m.endpoints.first(e.Endpoint),
		e.Owner != "" && m.origins.first(e.Owner),
		said.succession.Next != "" && m.successions.first(said.succession.Next),
		said.objection.TokenID != "" && m.objections.first(said.objection.Name()),
		said.ofLogin && !m.login,
		said.isMade && !m.made,
		said.unknown && m.unknown < remembered,
	}
	m.login, m.made = m.login || said.ofLogin, m.made || said.isMade
	if said.unknown {
		m.unknown++
	}
	return slices.Contains(decisions, true)
}

// latest are the names of one kind that were met, as many as a list remembers.
type latest map[secret.Fingerprint]bool

func (l latest) first(name secret.Fingerprint) bool {
	if l[name] || len(l) == remembered {
		return false
	}
	l[name] = true
	return true
}

// Past is the kind of the entries that a compaction leaves of old verdicts: their token
// ids, shortened.
const Past persist.Kind = "past"

// PastEntries keep the ids of the refused tokens whose verdicts themselves the journal
// forgets. A compacted journal begins with them, in place of those that it had. There
// are none while no verdict is forgotten.
func PastEntries(known history.TokenHistory, at time.Time) []persist.Entry {
	const idsALine = 1024 // 8 KiB, half of what a line may have
	if known.Condemned.Len() == (history.Condemned{}).With(known.Verdicts...).Len() {
		return nil
	}
	var entries []persist.Entry
	for _, ids := range known.Condemned.Texts(idsALine) {
		entries = append(entries, persist.Entry{Kind: Past, At: at, Keys: ids})
	}
	return entries
}

// shortenedAtOnce is how many lines are in memory at a time, beside those that are
// retained. A line that the whole retains is retained of its part too, or a later one
// has replaced it.
const shortenedAtOnce = 4096

// Shorten is what the journal with these lines can be replaced by: the lines that
// [Retain] keeps, byte for byte, behind the past entries. It returns the error that
// ends the lines.
func Shorten(lines iter.Seq2[Line, error], past []persist.Entry, open map[secret.Fingerprint]bool) ([]byte, error) {
	var kept []Line
	for line, err := range lines {
		if err != nil {
			return nil, err
		}
		if line.Entry.Kind == Past {
			continue // past says anew what it says
		}
		line.Raw = bytes.Clone(line.Raw)
		if kept = append(kept, line); len(kept)%shortenedAtOnce == 0 {
			kept = retainLines(kept, open)
		}
	}
	var content []byte
	for _, e := range past {
		line, err := json.Marshal(e)
		if err != nil {
			return nil, err
		}
		content = append(append(content, line...), '\n')
	}
	for _, each := range retainLines(kept, open) {
		content = append(content, each.Raw...)
	}
	return content, nil
}

func retainLines(lines []Line, open map[secret.Fingerprint]bool) []Line {
	entries := make([]persist.Entry, len(lines))
	for i, line := range lines {
		entries[i] = line.Entry
	}
	var kept []Line
	for i, retained := range Retain(entries, open) {
		if retained {
			kept = append(kept, lines[i])
		}
	}
	return kept
}
