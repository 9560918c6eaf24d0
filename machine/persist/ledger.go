package persist

import (
	"context"
	"errors"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/evidence"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Ledger remembers what became of the refresh tokens of one store: the
// write-ahead intent, the durable verdict, the backoff that all processes
// share and the audit trail, in one journal without secrets. All methods may be
// called concurrently, also by several processes. Losing it costs at most one
// extra post for each token.
//
// A post goes through it like this: History and Doubt say whether it may be made,
// Intend makes sure that no other process makes it, Conclude says how it ended.
type Ledger interface {
	// History replays the journal. A line that cannot be read is left out. It
	// returns an [*UnavailableError] if the journal cannot be opened; then nothing
	// is known: go on with the zero TokenHistory. Callers share the lists in it, and
	// must not change them.
	History(ctx context.Context) (history.TokenHistory, error)

	// Append adds an entry; PID and Endpoint are filled in where they are missing.
	// What safety rests on (see Entry.IsSynced) is on the disk when it returns nil.
	// A [*NotDurableError] says that the entry may be lost.
	Append(ctx context.Context, e Entry) error

	// Doubt gives the posts of a refresh token that have no outcome yet. Hold the lock:
	// without it, Doubt may take a post in flight for one that was given up. It
	// returns an [*UnavailableError] if that is unknown; then do not post.
	Doubt(ctx context.Context, id secret.Fingerprint) (history.Doubt, error)

	// PeekDoubt is Doubt for one that only looks: it clears nothing up, and may be called
	// without the lock. A post in flight is one whose holder is not gone.
	PeekDoubt(ctx context.Context, id secret.Fingerprint) (history.Doubt, error)

	// Intend makes the intent for intent.TokenID, durably and exclusively, and writes
	// the entry: with nil the caller may post, once. It returns [ErrIntended] if
	// there is an intent already that the given doubt does not cover, a verdict or an
	// objection under its profile by now, or a lost answer that the doubt does not know
	// of: then another process posts, or has posted.
	// A [*NotDurableError] says that it could not be written: do not post.
	Intend(ctx context.Context, intent Entry, doubt history.Doubt) error

	// Conclude writes the outcome of a post and then closes all intents of its refresh
	// token if it settles them (see Entry.IsAnswer). Else only the intent that this
	// Ledger made is taken back, and an older one is as much in doubt as it was. A
	// [*NotDurableError] says that the intents stand: the outcome counts as lost.
	Conclude(ctx context.Context, id secret.Fingerprint, outcome Entry) error
}

// ErrIntended reports that another process makes, or made, the same post.
var ErrIntended = errors.New("a refresh of this token is already intended")

// Kind is what an entry of the ledger tells.
type Kind string

// The kinds of entries.
const (
	Intended Kind = "intent"   // about to post
	Rotated  Kind = "rotated"  // granted; the successor is stored, or dropped if there is no NextID
	Refused  Kind = "refused"  // refused, for good if the reason is explained
	Deferred Kind = "deferred" // no verdict; when to try again, or what has to change before
	Adopted  Kind = "adopted"  // a token set that another program stored was taken
	Login    Kind = "login"
	Logout   Kind = "logout"

	LogoutFailed Kind = "logout_failed" // the login could not be removed and goes on, as if there had been no Logout
	Saved        Kind = "saved"         // the successor TokenID, which was Unsaved, is stored now
	Revoked      Kind = "revoked"       // the issuer has revoked a token
)

// Entry is one line of the ledger. Members that do not apply are left out.
type Entry struct {
	Kind      Kind                 `json:"kind"`
	At        time.Time            `json:"at"`
	PID       int                  `json:"pid"` // of the process that wrote it
	Attempt   machine.AttemptID    `json:"attempt,omitempty"`
	Cause     endpoint.Cause       `json:"cause,omitempty"`
	TokenID   secret.Fingerprint   `json:"key,omitempty"`       // of the refresh token it is about
	NextID    secret.Fingerprint   `json:"next,omitempty"`      // of its successor
	Access    secret.Fingerprint   `json:"access,omitempty"`    // the access token beside TokenID, or the key
	Endpoint  secret.Fingerprint   `json:"endpoint,omitempty"`  // the token endpoint of the process that wrote it
	Profile   string               `json:"profile,omitempty"`   // the fingerprint of the profile that the request was made by
	Objection evidence.BlockReason `json:"objection,omitempty"` // deferred: what the issuer has against the request, see IsObjection
	Reason    history.Reason       `json:"reason,omitempty"`
	NotBefore time.Time            `json:"not_before,omitzero"` // with Failures: the backoff that all share
	Failures  int                  `json:"failures,omitempty"`
	Unsaved   bool                 `json:"unsaved,omitempty"`  // rotated, or deferred with a NextID: the successor is in the memory of PID alone, until Saved
	Lost      bool                 `json:"lost,omitempty"`     // the answer to the post was lost: TokenID may be spent
	Losses    int                  `json:"losses,omitempty"`   // with Lost: how often that has happened to TokenID by now
	InDoubt   bool                 `json:"in_doubt,omitempty"` // refused: an earlier post of TokenID has no outcome, and may have spent it
	SentAt    time.Time            `json:"sent_at,omitzero"`   // of a post, when it left: tokens live from then on
	Method    machine.Method       `json:"method,omitempty"`
	Resumed   bool                 `json:"resumed,omitempty"` // adopted: a logout had ended the login, and it goes on
	Keys      string               `json:"keys,omitempty"`    // of old verdicts, see [history.Condemned.Texts]

	// Issued is the access token that came with a rotation or a login, if the issuer
	// said when it expires: auth.json has no place for that.
	Issued    secret.Fingerprint `json:"issued,omitempty"`
	ExpiresAt time.Time          `json:"expires_at,omitzero"`

	Owner  secret.Fingerprint `json:"owner,omitempty"`  // of the login's owner id
	Issuer string             `json:"issuer,omitempty"` // with Owner: where the login was made
	Client string             `json:"client,omitempty"` // with Owner: for which client

	evidence.Repeated // deferred and refused: what the issuer answered, and how often in a row
}

// WithExpiry is the entry of a login or a rotation with the expiry of the access
// token, if the issuer said it.
func (e Entry) WithExpiry(c machine.Credential) Entry {
	if !c.ExpiresAt.IsZero() {
		e.Issued, e.ExpiresAt = c.AccessToken.Fingerprint(), c.ExpiresAt
	}
	return e
}

// Of is the entry with the origin of the login that it is about.
func (e Entry) Of(c machine.Credential) Entry {
	if origin, isKnown := c.Origin(); isKnown {
		e.Owner, e.Issuer, e.Client = origin.Owner, origin.Issuer, origin.ClientID
	}
	return e
}

// Origin is where the login was made that the entry is about.
func (e Entry) Origin() history.Origin {
	return history.Origin{Owner: e.Owner, Issuer: e.Issuer, ClientID: e.Client}
}

// IsSynced reports whether the entry has to reach the disk at once; the rest may
// be lost with the machine. An intent is not synced here: it is a file of its own.
func (e Entry) IsSynced() bool {
	switch e.Kind {
	case Rotated, Refused, Login, Logout, LogoutFailed:
		return true
	}
	return e.Lost || e.IsAnswer() || e.IsObjection()
}

// IsObjection reports whether the entry stands against every further post of its refresh
// token under its profile. One that no code explains does not: it may be that of a gateway,
// and is a reason to wait.
func (e Entry) IsObjection() bool { return e.IsInVain() && e.Reason != history.ReasonUnexplained }

// IsInVain reports whether the issuer answered that the request itself is of no use. Its
// post has spent nothing; what an earlier one did is as unknown as it was.
func (e Entry) IsInVain() bool {
	isKnown := e.Objection == evidence.BlockMisconfigured || e.Objection == evidence.BlockLoginNeeded
	return e.Kind == Deferred && isKnown && !e.Lost && e.NextID == ""
}

// IsAnswer reports whether the entry settles what became of a refresh token. A
// refusal that no code explains does not: it may be
// that of a gateway in front of the issuer.
func (e Entry) IsAnswer() bool {
	return e.Kind == Rotated || e.Kind == Refused && e.Reason.IsExplained() || e.Kind == Deferred && e.NextID != ""
}

// By is the entry with its writer filled in, where it does not name one.
func (e Entry) By(pid int, issuer machine.Issuer) Entry {
	if e.PID == 0 {
		e.PID = pid
	}
	if e.Endpoint == "" {
		e.Endpoint = issuer.EndpointID()
	}
	return e
}
