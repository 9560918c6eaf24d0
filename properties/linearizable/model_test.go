package linearizable

import (
	"fmt"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
)

// lifeline is the sequential model: what a client would see that asked the
// machine, the store and the issuer one thing after another. Logins go by name,
// and a name is never given twice.
type lifeline struct {
	held     string    // the login in use, "" for none
	stored   string    // what the store holds
	poisoned bool      // held was refused
	tries    int       // how many of the issuer's words about held have taken effect
	excused  time.Time // until then a demanded refresh may be answered with what is there
	foreign  int64     // when another program's save ended that is what the store holds
	former   string    // what it held before that
	read     string    // what a refresh has found in the store and will adopt, "" for nothing
}

// errand is one request of a client, with when it was made and answered: by the
// clock of the bubble and by a counter that orders what the clock cannot.
type errand struct {
	kind              string
	refresh           bool   // of asksStatus
	login             string // of logsInAs and signsInElsewhere
	called            time.Time
	ended             time.Time
	callTick, endTick int64
}

// The kinds of errands.
const (
	asksStatus       = "asks"
	logsInAs         = "logs in as"
	signsOutHere     = "logs out"
	looksAgain       = "has it look again"
	signsInElsewhere = "with another program, signs in as"
)

// sight is what a client is shown.
type sight struct {
	method machine.Method
	token  string // "" for none
}

// word is what the issuer said about one login's refresh token.
type word struct {
	how       string // redeems, expires or isOut
	successor string
	at        time.Time
	tick      int64
}

// chronicle is what a run wrote down, as far as the model needs it.
type chronicle struct {
	words map[string][]word // by login, in their order
	floor time.Duration
	slack time.Duration // how long a post may take to end after the issuer's word
}

// linearizable reports whether the errands can be put in one order that the
// model would have allowed, each somewhere between its call and its end.
func (c chronicle) linearizable(history []porcupine.Operation, first string) bool {
	sequential := porcupine.NondeterministicModel{
		Init: func() []any { return []any{lifeline{held: first, stored: first}} },
		Step: func(state, input, output any) (next []any) {
			for _, s := range c.meanwhile(state.(lifeline), input.(errand)) {
				next = append(next, c.serve(s, input.(errand), output.(sight))...)
			}
			return next
		},
	}
	return porcupine.CheckOperations(sequential.ToModel(), history)
}

// meanwhile are all the states that s can turn into by itself: the issuer's
// words take effect, and a refresh finds what another program stored. It ends
// before the errand e does.
func (c chronicle) meanwhile(s lifeline, e errand) []lifeline {
	all := []lifeline{s}
	for i := 0; i < len(all); i++ {
		s := all[i]
		if s.poisoned && s.stored == s.held {
			all = append(all, c.revived(s, e)...)
		}
		if accountNamed(s.held) == "" || s.poisoned {
			continue
		}
		if s.read != "" {
			all = append(all, s.adopting(s.read, e))
		}
		if s.stored != s.held && s.stored != s.read && s.mayFollow(s.stored) {
			all = append(all, s.reading())
		}
		if said := c.words[s.held]; s.tries < len(said) && said[s.tries].tick <= e.endTick {
			all = append(all, c.hear(s, said[s.tries])...)
		}
	}
	return all
}

// revived are the states in which a late grant, of an earlier login of the same
// account, has taken the place of the dead one in the store.
func (c chronicle) revived(s lifeline, e errand) (after []lifeline) {
	death := c.words[s.held][s.tries-1].tick
	for login, words := range c.words {
		for _, said := range words {
			isLate := said.how == propertytest.Redeems && death < said.tick && said.tick <= e.endTick
			if isLate && login != s.held && accountNamed(login) == accountNamed(s.held) {
				next := s
				next.stored = said.successor
				after = append(after, next)
			}
		}
	}
	return after
}

func (s lifeline) reading() lifeline {
	s.read = s.stored
	return s
}

// adopting is the state with a login that another program stored, or had.
func (s lifeline) adopting(login string, e errand) lifeline {
	return lifeline{held: login, stored: s.stored, foreign: s.foreign, former: s.former, excused: e.ended}
}

// hear are the states after the issuer's next word. A login that another program
// stored during the post stays, whatever the word is. If it was stored after the
// word, it is unknown whether the refresh has seen it.
func (c chronicle) hear(s lifeline, said word) (after []lifeline) {
	s.tries++
	s.excused = said.at.Add(c.slack)
	if said.how == propertytest.OutOfOrder {
		return []lifeline{s}
	}
	if s.stored != s.held {
		after = append(after, s.reading())
		if s.foreign < said.tick {
			return after
		}
	}
	if said.how == propertytest.SaysExpired {
		s.poisoned, s.read = true, ""
		return append(after, s)
	}
	next := lifeline{held: said.successor, stored: s.stored, foreign: s.foreign, former: s.former, excused: said.at.Add(max(c.slack, c.floor-1))}
	if s.stored == s.held {
		next.stored = said.successor
	}
	return append(after, next)
}

// serve are the states after an errand that ends as it did; none if it cannot.
func (c chronicle) serve(s lifeline, e errand, seen sight) []any {
	switch e.kind {
	case logsInAs:
		return s.replacing(lifeline{held: e.login, stored: e.login, excused: e.ended}, e)
	case signsOutHere:
		return s.replacing(lifeline{}, e)
	case signsInElsewhere:
		s.stored, s.foreign, s.former = e.login, e.endTick, s.stored
		if s.excused.Before(e.ended.Add(c.slack)) { // a refresh between its two looks finds the change, and is not posted
			s.excused = e.ended.Add(c.slack)
		}
		return []any{s}
	case looksAgain:
		return s.looking(e)
	}
	isInUse := s.held != "" && !s.poisoned
	joined := e.refresh && !e.called.After(s.excused) // a refresh that was about to end, and looks no more
	var after []any
	if (!s.isOther(s.stored) || isInUse || joined) && c.mayShow(s, e, seen) {
		after = append(after, s)
	}
	if isInUse {
		return after
	}
	for _, found := range s.finds(e) {
		if adopted := s.adopting(found, e); s.isOther(found) && c.mayShow(adopted, e, seen) {
			after = append(after, adopted)
		}
	}
	return after
}

// looking are the states after a look at the store, which takes over what it
// finds unless that is another account's while a login is in use.
func (s lifeline) looking(e errand) (after []any) {
	isInUse := s.held != "" && !s.poisoned
	for _, found := range s.finds(e) {
		if s.isOther(found) && (!isInUse || s.mayFollow(found)) {
			after = append(after, s.adopting(found, e))
		} else {
			after = append(after, s)
		}
	}
	return after
}

// finds are what a look may find: what is stored, or what was before that if
// another program saved between the look and its end.
func (s lifeline) finds(e errand) []string {
	if s.foreign < e.callTick {
		return []string{s.stored}
	}
	return []string{s.stored, s.former}
}

// mayFollow reports whether a login that is found takes the place of the one in
// use at once: one of the same account does, and a key does that of an account.
func (s lifeline) mayFollow(found string) bool {
	isKey := found != "" && accountNamed(found) == ""
	return accountNamed(s.held) != "" && (isKey || accountNamed(s.held) == accountNamed(found))
}

func (s lifeline) isOther(found string) bool { return found != "" && found != s.held }

func (c chronicle) mayShow(s lifeline, e errand, seen sight) bool {
	return seen == s.shown() && (!e.refresh || s.excuses(e))
}

// replacing are the states after a login or a logout. It is stored before it is
// used, and another program may save in between, which has no order.
func (s lifeline) replacing(after lifeline, e errand) []any {
	if s.foreign < e.callTick {
		return []any{after}
	}
	overtaken := after
	overtaken.stored, overtaken.foreign, overtaken.former = s.stored, s.foreign, s.former
	return []any{after, overtaken}
}

func (s lifeline) shown() sight {
	switch {
	case s.held == "":
		return sight{}
	case accountNamed(s.held) == "":
		return sight{machine.MethodAPIKey, s.held}
	case s.poisoned:
		return sight{machine.MethodTokens, ""}
	}
	return sight{machine.MethodTokens, s.held}
}

// excuses reports whether a demanded refresh may end with what is there now: it
// cannot be had, or it was, or another account's login is in the way.
func (s lifeline) excuses(e errand) bool {
	return accountNamed(s.held) == "" || s.poisoned ||
		accountNamed(s.stored) != accountNamed(s.held) || !e.called.After(s.excused)
}

// accountNamed is the account of a login, "" of a key and of no login. Logins are
// called account-number, and their successors have a + for each refresh.
func accountNamed(login string) string {
	account, _, _ := strings.Cut(login, "-")
	if account == "key" {
		return ""
	}
	return account
}

// credentialNamed is the login of a name. Its access token is the name itself.
func credentialNamed(login string, at time.Time) machine.Credential {
	if accountNamed(login) == "" {
		return machine.Credential{Method: machine.MethodAPIKey, APIKey: secret.New(login)}
	}
	return machine.Credential{
		Method: machine.MethodTokens, AccessToken: secret.New(login), RefreshToken: secret.New("refresh " + login),
		AccountID: accountNamed(login), LastRefresh: at,
	}
}

func (e errand) String() string {
	switch {
	case e.kind == asksStatus && e.refresh:
		return "demands a refresh"
	case e.login != "":
		return e.kind + " " + e.login
	}
	return e.kind
}

func (s sight) String() string { return fmt.Sprintf("%q with %q", s.method, s.token) }
