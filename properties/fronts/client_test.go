package fronts

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol/front"
)

// kind is what becomes of a line of the client.
type kind string

const (
	mine            kind = "ours"         // bezoar answers it
	passing         kind = "passing"      // the child does
	turn            kind = "turn"         // the child does, unless no login could serve it
	refused         kind = "refused"      // bezoar refuses it
	forExperimental kind = "experimental" // bezoar refuses it if the client has not asked for experimentalApi
	note            kind = "notification"
)

// ask is a line of the client, and what came of it.
type ask struct {
	id, line string // no id: a notification
	kind     kind
	nonce    int
	at       int // its place among the lines of the client
	isEarly  bool
	sent     time.Time
	floor    int           // the number of the last login or logout that the client was answered about
	login    int           // of a login or a logout: its number
	isQuick  bool          // nothing may delay the answer
	phase    machine.Phase // when it was sent
	phases   int
	changes  int

	reached int // how often it came to the child
	answers []message
}

// client is a scripted client.
type client struct {
	s              *site
	input          *io.PipeWriter
	output         *io.PipeReader
	deaf           chan struct{} // closed when it hears no more
	isExperimental bool

	// Guarded by the world's mutex.
	asks     []*ask // by nonce, from 1
	byID     map[string]*ask
	isMet    bool // initialize was answered
	floor    int
	external int // the number of the login that it gave
	seq      int // of the last line of the child that it heard
	lines    *writer
}

func newClient(s *site, input *io.PipeWriter, output *io.PipeReader) *client {
	return &client{s: s, input: input, output: output, deaf: make(chan struct{}), byID: map[string]*ask{}, lines: newWriter(input, nil)}
}

// find is a line of the client by its nonce, nil if there is none.
func (c *client) find(nonce int) *ask {
	if nonce < 1 || nonce > len(c.asks) {
		return nil
	}
	return c.asks[nonce-1]
}

// send sends a request or, without an id, a notification. params is JSON without the last
// brace.
func (c *client) send(kind kind, method, params string, adjust ...func(*ask)) {
	w := c.s.world
	w.mu.Lock()
	a := &ask{kind: kind, nonce: len(c.asks) + 1, at: len(c.asks) + 1, sent: time.Now(), floor: c.floor, isEarly: !c.isMet, phase: c.s.engine.Snapshot().Phase(), phases: w.phases, changes: w.changes}
	if kind != note {
		a.id = fmt.Sprint(len(c.asks)) // as the child's own ids are
		if len(c.asks)%7 == 6 {
			a.id = fmt.Sprintf(`"r\u002d%d"`, len(c.asks))
		}
	}
	for _, each := range adjust {
		each(a)
	}
	separator := ","
	if params == "{" {
		separator = ""
	}
	a.line = fmt.Sprintf(`{ "method":%q,"params":%s%s"nonce":%d}`, method, params, separator, a.nonce)
	if a.id != "" {
		a.line += ` ,"id":` + a.id
		c.byID[a.id] = a
	}
	a.line += "}"
	c.asks = append(c.asks, a)
	c.s.tell("client: %s", shortened(a.line))
	c.lines.add(line{text: a.line})
	w.mu.Unlock()
}

func (c *client) initialize(isExperimental bool) {
	c.isExperimental = isExperimental
	c.send(mine, "initialize", fmt.Sprintf(`{"clientInfo":{"name":"editor","version":"9"},"capabilities":{"experimentalApi":%v}`, isExperimental))
}

func (c *client) listen() {
	defer close(c.deaf)
	lines := bufio.NewReader(c.output)
	for {
		text, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		if reply := c.hear(strings.TrimSuffix(text, "\n")); reply != "" {
			c.lines.add(line{text: reply})
		}
	}
}

// hear judges a line, and returns the answer to a request, "" for none.
func (c *client) hear(text string) (reply string) {
	w := c.s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	c.s.tell("to client: %s", shortened(text))
	var m message
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		w.accuse("the client gets what is no message: %v", err)
		return ""
	}
	switch {
	case refreshToken.MatchString(text):
		w.accuse("a refresh token reaches the client")
	case strings.HasPrefix(string(m.ID), `"`+front.ChildPrefix):
		w.accuse("the client gets an id of the front's: %s", m.ID)
	}
	c.count(m)
	switch {
	case m.Method == "":
		c.hearAnswer(m)
	case m.Method == "account/chatgptAuthTokens/refresh":
		return c.renew(m)
	case m.ID != nil:
		return fmt.Sprintf(`{"id":%s,"result":{"nonce":%d}}`, m.ID, m.Params.Nonce)
	}
	return ""
}

// count demands that the lines of the child come in their order, all of them.
func (c *client) count(m message) {
	seq := max(m.Params.Seq, m.Result.Seq)
	if m.Error != nil {
		seq = m.Error.Data.Seq
	}
	if seq == 0 {
		return
	}
	if seq != c.seq+1 && !(seq > c.seq && c.s.isUnfit()) {
		c.s.world.accuse("the client hears line %d of the child behind line %d", seq, c.seq)
	}
	c.seq = seq
}

func (c *client) hearAnswer(m message) {
	w, a := c.s.world, c.byID[string(m.ID)]
	if a == nil {
		w.accuse("the client gets an answer to %s, which it has not asked", m.ID)
		return
	}
	a.answers = append(a.answers, m)
	if a.nonce == 1 {
		c.isMet = true
	}
	if waited := time.Since(a.sent); a.isQuick && waited > time.Second {
		w.accuse("%s waits %v for its answer", a.line, waited)
	}
	if waited := time.Since(a.sent); a.login > 0 && waited > c.holdMost() {
		w.accuse("%s waits %v for its answer", shortened(a.line), waited)
	}
	if a.login > 0 && m.Error == nil {
		c.hearOfLogin(a)
	}
}

// hearOfLogin is the answer to a login or a logout: from now on nothing may go out under an
// older one. Nothing acknowledges a login that is the answer to a request of the child's.
func (c *client) hearOfLogin(a *ask) {
	w, child := c.s.world, c.s.child
	isAwaited := w.isReady && !c.s.isOver() && child.isBrisk() && len(child.wanting) == 0 && time.Since(a.sent) < 5*time.Second
	if isAwaited && child.login() < a.login && !c.s.isKeeping() {
		w.accuse("the answer about login %d comes while the child has login %d", a.login, child.login())
	}
	c.floor = max(c.floor, a.login)
}

// holdMost is how long the answers about logins may all together be held for the child.
func (c *client) holdMost() time.Duration {
	most := 2 * time.Second
	for _, a := range c.asks {
		if a.login > 0 {
			most += 6 * time.Second
		}
	}
	return most
}

// renew answers the server, which wants new tokens in place of those that the client gave.
func (c *client) renew(m message) string {
	if !strings.HasPrefix(string(m.ID), `"`+front.ClientPrefix) {
		c.s.world.accuse("the client is asked for tokens by the child")
	}
	if c.s.world.last%3 == 0 {
		return fmt.Sprintf(`{"id":%s,"error":{"code":-32000,"message":"no"}}`, m.ID)
	}
	return fmt.Sprintf(`{"id":%s,"result":{"accessToken":%q,"chatgptAccountId":"account-ada","chatgptPlanType":null}}`, m.ID, c.s.world.newExternal(c.external))
}
