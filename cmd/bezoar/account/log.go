package account

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/store/file"
	"github.com/bezoar-auth/bezoar/store/journal"
)

// Log is bezoar log.
var Log = cli.Command{
	Name:    "log",
	Summary: "Print the ledger: every refresh, verdict, login and logout.",
	Usage:   "[-n N] [--since WHEN] [--follow] [--json] [flags]",
	About: `The audit trail of this home, the oldest entry first. Refresh tokens have fingerprints,
and an arrow leads from one to its successor. With --follow new entries are printed as
they come, until Ctrl-C or until nothing reads them any more.

With --json each entry is an object on a line of its own, with the members that the
ledger has. at and not_before are in UTC, to the second, and key, next, access and
endpoint have 8 digits, as in all that this program prints; other members are as in the
file auth.ledger, which has all of them in full. Without --json times are local.

Exit codes: 0 printed, 5 the ledger cannot be read.

Example: bezoar log --since 2h
Example: bezoar log --json | jq 'select(.kind == "refused")'`,
	Run: showLog,
}

func showLog(env cli.Environment, flags *flag.FlagSet, args []string) error {
	var chosen logFlags
	if err := chosen.parse(flags, args, env.Now); err != nil {
		return err
	}
	c, _, err := session.Peek(chosen.settings, env.Getenv)
	if err != nil {
		return err
	}
	show := showRow
	if *chosen.asJSON {
		show = showLine
	}
	if !c.IsCodex() && !*chosen.asJSON {
		show = func(env cli.Environment, line journal.Line) error {
			if line.Entry.Method == machine.MethodTokens { // the word of a ledger, and of Codex, for every token set
				line.Entry.Method = machine.Method(c.IssuerName())
			}
			return showRow(env, line)
		}
	}
	ledger := journal.Follow(filepath.Join(c.Home, file.LedgerName))
	shown := selection{since: chosen.since, limit: *chosen.limit, show: func(line journal.Line) error { return show(env, line) }}
	unreadable, err := ledger.News(shown.take)
	if err == nil {
		err = shown.end()
	}
	if err != nil {
		return ledgerFault(err)
	}
	printUnreadable(env, unreadable)
	switch {
	case *chosen.follow:
		return ledgerFault(followLog(env, ledger, show))
	case !shown.any && unreadable == 0 && !*chosen.asJSON:
		cli.LogLine(env, "the ledger of "+c.Home+" has no entries yet")
	}
	return nil
}

// logFlags are the flags of log.
type logFlags struct {
	settings       config.Flags
	asJSON, follow *bool
	limit          *int // below 0 for all entries
	since          time.Time
}

func (f *logFlags) parse(flags *flag.FlagSet, args []string, now func() time.Time) error {
	f.settings.Register(flags)
	f.asJSON = cli.JSONFlag(flags)
	f.follow = flags.Bool("follow", false, "go on printing what is new, until Ctrl-C")
	const newest = "print only the newest `N` entries"
	f.limit = flags.Int("lines", -1, newest)
	flags.IntVar(f.limit, "n", -1, newest)
	when := flags.String("since", "", "print only what happened after this `time`: 2h (ago), 15:04 (local), 2006-01-02, or 2006-01-02T15:04:05Z")
	if err := cli.Parse(flags, args); err != nil {
		return err
	}
	limited := false
	flags.Visit(func(f *flag.Flag) { limited = limited || f.Name == "lines" || f.Name == "n" })
	if limited && *f.limit < 0 {
		return cli.Misuse("-n takes a number of entries, 0 or more")
	}
	var err error
	f.since, err = timeOf(*when, now())
	return err
}

// ledgerFault gives the error of an unreadable ledger the exit code for the operator.
func ledgerFault(err error) error {
	if unread, ok := errors.AsType[*persist.UnavailableError](err); ok {
		return cli.Exit(cli.ExitOperator, cli.ForDoctor(unreadLedger(unread)))
	}
	return err
}

func unreadLedger(unread *persist.UnavailableError) error {
	return fmt.Errorf("the ledger cannot be read: %w", unread.Err)
}

func printUnreadable(env cli.Environment, lines int) {
	if lines > 0 {
		cli.LogLine(env, fmt.Sprintf("%s of the ledger cannot be read and %s left out", cli.Amount(lines, "line"), cli.IsOrAre(lines)))
	}
}

// timeOf reads the time of --since: a duration ago, a time of today, or a date. It is
// zero for an empty text.
func timeOf(text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil {
		return now.Add(-ago), nil
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04:05", time.DateTime, "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return at, nil
		}
	}
	for _, layout := range []string{time.TimeOnly, "15:04"} {
		if at, err := time.ParseInLocation(time.DateOnly+" "+layout, now.Format(time.DateOnly)+" "+text, now.Location()); err == nil {
			return at, nil
		}
	}
	return time.Time{}, cli.Misuse("--since takes a time such as 2h, 15:04, 2006-01-02 or 2006-01-02T15:04:05Z")
}

// selection shows the newest lines, at most limit of them.
type selection struct {
	since time.Time
	limit int // below 0 for all of them
	show  func(journal.Line) error

	any    bool           // there was an entry, wanted or not
	newest []journal.Line // those that may be shown, if there is a limit; a ring
	next   int
}

func (s *selection) take(line journal.Line) error {
	s.any = true
	switch {
	case line.Entry.At.Before(s.since) || s.limit == 0:
		return nil
	case s.limit < 0:
		return s.show(line)
	}
	line.Raw = bytes.Clone(line.Raw)
	if len(s.newest) < s.limit {
		s.newest = append(s.newest, line)
		return nil
	}
	s.newest[s.next] = line
	s.next = (s.next + 1) % s.limit
	return nil
}

func (s *selection) end() error {
	for i := range s.newest {
		if err := s.show(s.newest[(s.next+i)%len(s.newest)]); err != nil {
			return err
		}
	}
	return nil
}

// followPause is the time between two looks for new lines. A look costs one stat.
const followPause = 500 * time.Millisecond

// followLog prints new entries until the user ends it, or until the reader of the
// output is gone, which no write reports while there are no new entries.
func followLog(env cli.Environment, ledger *journal.Follower, show func(cli.Environment, journal.Line) error) error {
	ctx, stop := cli.UntilSignal()
	defer stop()
	pause := time.NewTicker(followPause)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-pause.C:
		}
		if isReaderGone(env.Stdout) {
			return nil
		}
		unreadable, err := ledger.News(func(line journal.Line) error { return show(env, line) })
		if err != nil {
			return err
		}
		printUnreadable(env, unreadable)
	}
}

func showLine(env cli.Environment, line journal.Line) error {
	text, err := entryJSON(line.Raw)
	if err == nil {
		_, err = env.Stdout.Write(append(text, '\n'))
	}
	return err
}

// entryJSON is a line of the ledger with all its members, also those that this
// version does not know, and with times and fingerprints as they are printed
// everywhere.
func entryJSON(raw []byte) ([]byte, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	var text bytes.Buffer
	if _, err := decoder.Token(); err != nil {
		return nil, err
	}
	for between := "{"; decoder.More(); between = "," {
		name, err := decoder.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := decoder.Decode(&value); err != nil {
			return nil, err
		}
		key, _ := json.Marshal(name)
		fmt.Fprintf(&text, "%s%s:%s", between, key, entryValue(name, value))
	}
	return legible.JSON(append(text.Bytes(), '}')), nil
}

func entryValue(name json.Token, value json.RawMessage) []byte {
	switch name {
	case "at", "not_before":
		var at time.Time
		if json.Unmarshal(value, &at) == nil {
			value, _ = json.Marshal(protocol.Timestamp(at))
		}
	case "key", "next", "access", "endpoint":
		var f secret.Fingerprint
		if json.Unmarshal(value, &f) == nil {
			value, _ = json.Marshal(f.Short())
		}
	}
	return value
}

func showRow(env cli.Environment, line journal.Line) error {
	e := line.Entry
	tokens := e.TokenID.Short()
	if e.NextID != "" && e.NextID != e.TokenID {
		tokens += " → " + e.NextID.Short()
	}
	row := fmt.Sprintf("%s  %-13s  %-19s  %-8d  %s",
		e.At.In(env.Now().Location()).Format(time.DateTime), e.Kind, tokens, e.PID, strings.Join(details(e, env.Now()), ", "))
	_, err := fmt.Fprintln(env.Stdout, strings.TrimRight(legible.Line(row), " "))
	return err
}

// details are what else an entry says, for users.
func details(e persist.Entry, now time.Time) []string {
	var said []string
	for _, each := range []string{string(e.Method), string(e.Cause), string(e.Objection), string(e.Reason)} {
		if each != "" {
			said = append(said, strings.ReplaceAll(each, "_", " "))
		}
	}
	if e.IsInVain() && e.Code != "" {
		said = append(said, e.Code)
	}
	if e.Kind == journal.Past {
		said = append(said, "the token ids of older verdicts")
	}
	if e.Lost {
		said = append(said, "the answer was lost")
	}
	if e.Failures > 0 {
		said = append(said, fmt.Sprintf("failure %d", e.Failures))
	}
	if !e.NotBefore.IsZero() {
		said = append(said, "not before "+cli.ExactTime(e.NotBefore, now))
	}
	return said
}
