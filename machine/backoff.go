package machine

import "time"

// The bounds of the wait after a transient failure, and the least one after a
// refusal that no code explains, for the other processes.
const (
	backoffBase     = 250 * time.Millisecond
	backoffCeiling  = 15 * time.Minute
	unexplainedBase = time.Minute

	maxDeferral = time.Hour // an older version waited as long as this
)

// An issuer that is still away when the wait could be as long as the ceiling is
// taken for broken: from then on it is probed once in about a ceiling, which is
// five posts an hour for all processes together, and leaves time for a client to
// ask within a ceiling of its return.
const (
	probeLeast = 12*time.Minute + 30*time.Second
	probeMost  = 14 * time.Minute
)

// NextAttempt is when to ask the issuer again after so many transient failures
// in a row, at least one. The wait is drawn from [0, cap) with cap doubling
// from backoffBase ("full jitter", so that many clients spread out), random being
// in [0, 1); once cap would reach backoffCeiling, from [probeLeast, probeMost).
// What the issuer wished (Retry-After, RFC 9110 section 10.2.3; zero for nothing)
// is obeyed up to the ceiling.
func (p Policy) NextAttempt(at time.Time, failures int, retryAfter time.Duration, random float64) time.Time {
	if p.BackoffOff {
		return at
	}
	least, most := time.Duration(0), doubled(backoffBase, backoffCeiling, failures)
	if most == backoffCeiling {
		least, most = probeLeast, probeMost
	}
	wait := least + time.Duration(random*float64(most-least))
	return at.Add(max(wait, min(retryAfter, backoffCeiling)))
}

// doubled is base doubled for each failure after the first, up to ceiling.
func doubled(base, ceiling time.Duration, failures int) time.Duration {
	for ; failures > 1 && base < ceiling; failures-- {
		base *= 2
	}
	return min(base, ceiling)
}

// AfterUnexplained is when another process may ask the issuer after a refusal
// that no code explains, the last of so many in a row: it may be a wall in between
// and not the issuer.
func (p Policy) AfterUnexplained(at time.Time, refusals int) time.Time {
	if p.BackoffOff {
		return at
	}
	return at.Add(doubled(unexplainedBase, backoffCeiling, refusals))
}
