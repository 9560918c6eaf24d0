package config

import (
	"slices"

	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// profiles are the tables [issuers.NAME]. A home without them pays nothing for them. One
// that is wrong is a warning, for no login depends on it.
func (d *document) profiles() profile.Set {
	tables := d.values["issuers"]
	if tables == nil {
		return profile.Set{}
	}
	set := profile.NewSet(tables, d.lineOf)
	warned := map[string]bool{}
	for _, each := range set.Problems() {
		if warned[each.Profile] { // its first mistake is enough here
			continue
		}
		warned[each.Profile] = true
		d.warnings = append(d.warnings, Warning{
			Summary: "Profile not understood: " + each.Table(),
			Details: each.Error() + ". No login but those of its accounts depends on it. bezoar issuer check NAME shows all that is wrong with it.",
			Path:    d.pathOf(each.Line), OfProfile: true,
		})
	}
	return set
}

// lineOf is the line of a key, 0 for one that --config has set.
func (d *document) lineOf(row int, path ...string) int {
	for _, each := range d.overrides {
		if len(each) <= len(path) && slices.Equal(each, path[:len(each)]) {
			return 0
		}
	}
	return profile.Lines(d.text).Of(row, path...)
}

// pathOf is the file in which a line is, "" if it is in none.
func (d *document) pathOf(line int) string {
	if line == 0 {
		return ""
	}
	return d.path
}
