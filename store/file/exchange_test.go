package file

import (
	"strings"

	"github.com/bezoar-auth/bezoar/store/system"
)

// asHere are outcomes of a kill, as this system has them. Where it has no exchange, a rename
// follows on the attempt, and leaves nothing to remove.
func asHere(outcomes map[string]string) map[string]string {
	if system.Here.Exchanges() {
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
