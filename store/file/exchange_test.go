package file

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/bezoar-auth/bezoar/store/system"
)

// exchanges reports whether the system of this test has an exchange.
func exchanges() bool {
	missing := filepath.Join("no such folder", "file")
	return !errors.Is(system.Here.Exchange(missing, missing), errors.ErrUnsupported)
}

// asHere are outcomes of a kill, as this system has them. Where it has no exchange, a rename
// follows on the attempt, and leaves nothing to remove.
func asHere(outcomes map[string]string) map[string]string {
	if exchanges() {
		return outcomes
	}
	for place, outcome := range outcomes {
		verb, isExchange := strings.CutSuffix(place, ": exchange")
		if !isExchange {
			continue
		}
		outcomes[verb+": rename"] = outcome
		if _, putBack := outcomes[verb+": exchange back"]; putBack {
			delete(outcomes, verb+": exchange back")
			outcomes[verb+": rename"] = "other" // the comparison comes after the other login
			outcomes[verb+": remove"] = "other"
			continue
		}
		delete(outcomes, "before reserve probe: remove")
		delete(outcomes, "before swap: remove")
	}
	return outcomes
}
