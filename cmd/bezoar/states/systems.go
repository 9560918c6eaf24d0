package states

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/store/file"
	"github.com/bezoar-auth/bezoar/store/system"
)

// What store/system says of a kind of system decides what becomes of a death there.

// The system calls that only an exchange of two files brings, and those that are made where
// there is none.
var (
	withExchange    = []string{"swap: exchange back", "swap: remove", "sweep: remove", "reserve probe: remove"}
	withoutExchange = []string{"swap: rename", "sweep: rename", "reserve: rename"}
)

func comingOn(kind system.Kind, all []Failpoint) (here []Failpoint) {
	for _, each := range all {
		if each.comesOn(kind) {
			here = append(here, each)
		}
	}
	return here
}

// comesOn reports whether a process on a kind of system can come to this place.
func (f Failpoint) comesOn(kind system.Kind) bool {
	exchanges := kind.Keeps(system.Exchanges)
	switch {
	case f.When == WhenLinked:
		return kind.Keeps(system.CountsNames)
	case f.When == WhenLoginLast:
		return !exchanges
	case f.When == WhenLoginBetween && f.Call == "swap: remove": // of what could not be put in place
		return true
	case slices.Contains(withExchange, f.Call):
		return exchanges
	case slices.Contains(withoutExchange, f.Call):
		return !exchanges
	}
	return true
}

// KnownAfter is how old what a process left must be before another one on a kind of system
// takes that process for dead. It is 0 if that is known at once, or need not be known.
func (f Failpoint) KnownAfter(kind system.Kind) time.Duration {
	switch {
	case f.Leaves == leavesEmpty: // nothing tells whose it is
		return file.IntentSpan
	case kind.Keeps(system.KnowsProcesses):
		return 0
	case f.Outcome == InDoubt:
		return file.IntentSpan
	case f.Leaves == leavesStaged, f.Leaves == leavesAdrift:
		return file.StagedSpan
	}
	return 0
}

// cell is what the page says of a death on a kind of system.
func (f Failpoint) cell(kind system.Kind) string {
	if !f.comesOn(kind) {
		return "–"
	}
	after := f.KnownAfter(kind)
	if after == 0 {
		return string(f.Outcome)
	}
	return fmt.Sprintf("%s, after %s", f.Outcome, spoken(after))
}

func spoken(d time.Duration) string {
	if d >= time.Hour {
		return fmt.Sprintf("%d h", d/time.Hour)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// column is one of the table of deaths, for kinds that lack the same.
type column struct {
	system.Kind
	names []string
}

func columns() (all []column) {
	for _, kind := range system.Kinds() {
		at := slices.IndexFunc(all, func(c column) bool { return slices.Equal(c.Lacks, kind.Lacks) })
		if at < 0 {
			all, at = append(all, column{Kind: kind}), len(all)
		}
		all[at].names = append(all[at].names, kind.Name)
	}
	return all
}

// deaths are the table of deaths, and that of what the columns lack.
func deaths() string {
	columns := columns()
	rows := [][]string{{"killed before", "when", "leaves"}}
	for _, each := range columns {
		rows[0] = append(rows[0], strings.Join(each.names, ", "))
	}
	for _, point := range slices.Concat(refreshFailpoints, accountFailpoints) {
		place := point.Step
		if point.Call != "" {
			place += " – " + point.Call
		}
		first := point.cell(columns[0].Kind)
		row := []string{place, point.When, point.Leaves, first}
		for _, each := range columns[1:] {
			cell := point.cell(each.Kind)
			if cell == first {
				cell = ""
			}
			row = append(row, cell)
		}
		rows = append(rows, row)
	}
	without := [][]string{{"without", "as on", "what differs"}}
	for _, each := range lacks {
		var where []string
		for _, kind := range system.Kinds() {
			if !kind.Keeps(each.promise) {
				where = append(where, kind.Name)
			}
		}
		where = append(where, each.also)
		without = append(without, []string{string(each.promise), strings.Join(where, ", "), each.differs})
	}
	return table(rows) + "\n" + lacksPart + table(without)
}

// table is a table of Markdown, whose first row is its head.
func table(rows [][]string) string {
	var out strings.Builder
	for i, row := range rows {
		fmt.Fprintf(&out, "| %s |\n", strings.Join(row, " | "))
		if i == 0 {
			out.WriteString(strings.Repeat("|---", len(row)) + "|\n")
		}
	}
	return out.String()
}

const lacksPart = `Why the columns differ:

`

// lacks say what a death leaves differently without a promise, and where else than on the
// kinds of system it is not kept.
var lacks = []struct {
	promise system.Promise
	also    string
	differs string
}{
	{system.Exchanges, "a few disks", "a rename follows on the attempt to exchange two files. The comparison comes just before it: a login is lost that a program without auth.json.lock stores in between; each bezoar takes it"},
	{system.KnowsProcesses, "a jail, a sandbox that hides processes; everywhere for what another boot, machine or container left", "the age of what a process left tells whether it has ended"},
	{system.HasLocks, "some network disks, also those that give one lock to several", "nothing of this table: two processes may come to one step at once, and one of them makes the intent"},
	{system.CountsNames, "a few disks", "nothing is written in place: the login is replaced, and its other name keeps the old one"},
}
