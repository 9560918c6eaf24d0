package machine

import "time"

// The bounds of the wait after a transient failure, and of the one that
// follows an unexplained refusal for the other processes.
const (
	BackoffBase        = 250 * time.Millisecond
	BackoffCeiling     = 15 * time.Minute
	UnexplainedBase    = time.Minute
	UnexplainedCeiling = time.Hour

	maxDeferral = UnexplainedCeiling
)

// NextAttempt is when to ask the issuer again after so many transient failures
// in a row, at least one. The wait is drawn from [0, cap) with cap doubling
// from BackoffBase to BackoffCeiling ("full jitter", so that many clients
// spread out), random being in [0, 1). What the issuer wished (Retry-After, RFC
// 9110 section 10.2.3; zero for nothing) is obeyed up to the ceiling.
func (p Policy) NextAttempt(at time.Time, failures int, retryAfter time.Duration, random float64) time.Time {
	if p.BackoffOff {
		return at
	}
	wait := time.Duration(random * float64(doubled(BackoffBase, BackoffCeiling, failures)))
	return at.Add(max(wait, min(retryAfter, BackoffCeiling)))
}

// doubled is base doubled for each failure after the first, up to ceiling.
func doubled(base, ceiling time.Duration, failures int) time.Duration {
	for ; failures > 1 && base < ceiling; failures-- {
		base *= 2
	}
	return min(base, ceiling)
}

// AfterUnexplained is when another process may ask the issuer after a refusal
// that no code explains: it may be a wall in between and not the issuer.
func (p Policy) AfterUnexplained(at time.Time, failures int) time.Time {
	if p.BackoffOff {
		return at
	}
	return at.Add(doubled(UnexplainedBase, UnexplainedCeiling, failures))
}
