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

// manner is how the child answers a request.
type manner struct {
	After  time.Duration // never if negative
	Refuse bool
}

// manners are those of a child, each list for one request after the other, over and over.
type manners struct {
	Hello    time.Duration
	Requests []manner
	Pushes   []time.Duration
}

// message is a line of either end.
type message struct {
	ID     json.RawMessage
	Method string
	Params struct {
		Nonce, Seq                int
		Type, APIKey, AccessToken string
		Error, Turn               json.RawMessage
	}
	Result struct {
		Nonce, Seq        int
		AccessToken, Type string
	}
	Error *struct {
		Code    int
		Message string
		Data    struct{ Nonce, Seq int }
	}
}

// child is a scripted Codex: it has the login that it was given, and answers what it reads.
type child struct {
	s       *site
	manners manners
	in      *io.PipeReader
	out     *io.PipeWriter

	// Guarded by the world's mutex.
	has       string // an access token or key
	isKey     bool
	number    int // of the login that it has
	asked     int // its own requests
	wanting   map[string]*want
	repeated  map[string]int // tokens that it got although it had reported them
	nonces    map[string]int // of requests that the client has to answer, by their ids
	seq       int            // of the last line that the client must hear
	sent      int            // of those, which were written
	reached   int            // the last line of the client that came, of those that keep their order
	pushed    int            // logins that it was given
	taken     int            // and has taken
	takenAt   time.Time
	served    int
	hanging   chan struct{} // nil while it reads
	hasHung   bool
	isGone    bool
	isRenewed bool // what it has is the answer to its own request
	lines     *writer
}

// want is a request for another token.
type want struct {
	refused string
	at      time.Time
	isLate  bool // the child hung in the meantime
}

func newChild(s *site, m manners) *child {
	c := &child{s: s, manners: m, wanting: map[string]*want{}, repeated: map[string]int{}, nonces: map[string]int{}}
	c.in, c.out = s.toChild, s.ofChild
	c.lines = newWriter(c.out, func(seq int) {
		s.world.mu.Lock()
		defer s.world.mu.Unlock()
		c.sent = max(c.sent, seq)
	})
	return c
}

// die is the death of the process.
func (c *child) die() {
	c.s.world.mu.Lock()
	c.isGone = true
	c.s.world.mu.Unlock()
	c.lines.stop()
	c.in.CloseWithError(io.ErrClosedPipe)
	c.out.Close()
	c.resume()
}

func (c *child) hang() {
	c.s.world.mu.Lock()
	defer c.s.world.mu.Unlock()
	if c.hanging == nil {
		c.hanging, c.hasHung = make(chan struct{}), true
	}
	for _, each := range c.wanting {
		each.isLate = true
	}
}

func (c *child) resume() {
	c.s.world.mu.Lock()
	defer c.s.world.mu.Unlock()
	if c.hanging != nil {
		close(c.hanging)
		c.hanging = nil
	}
}

func (c *child) read() {
	lines := bufio.NewReader(c.in)
	for {
		text, err := lines.ReadString('\n')
		c.s.world.mu.Lock()
		hanging := c.hanging
		c.s.world.mu.Unlock()
		if hanging != nil {
			<-hanging
		}
		if err != nil {
			c.finish()
			return
		}
		c.take(strings.TrimSuffix(text, "\n"))
	}
}

// finish is the orderly end of a child whose input has ended: what it has to say is said.
func (c *child) finish() {
	c.lines.finish()
	c.die()
}

// say queues a line; format has %[1]d for the number of a line that the client must hear. The
// caller holds the world's mutex.
func (c *child) say(format string, args ...any) {
	c.seq++
	c.queue(line{fmt.Sprintf(format, append([]any{c.seq}, args...)...), c.seq})
}

func (c *child) queue(l line) {
	c.s.tell("child: %s", shortened(l.text))
	c.lines.add(l)
}

// take judges a line that came, and answers it.
func (c *child) take(text string) {
	w := c.s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	c.s.tell("to child: %s", shortened(text))
	if refreshToken.MatchString(text) {
		w.accuse("a refresh token reaches the child")
	}
	var m message
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		w.accuse("the child gets what is no message: %v", err)
		return
	}
	isOurs := strings.HasPrefix(string(m.ID), `"`+front.ChildPrefix)
	switch {
	case m.Method == "":
		c.takeAnswer(m)
	case isOurs:
		c.takeOurs(m)
	default:
		c.takeRequest(m, text)
	}
}

func (c *child) takeAnswer(m message) {
	w, id := c.s.world, string(m.ID)
	if asked, ok := c.wanting[id]; ok {
		delete(c.wanting, id)
		c.takeToken(m, asked)
		return
	}
	nonce, ok := c.nonces[id]
	delete(c.nonces, id)
	if !ok || m.Result.Nonce != nonce {
		w.accuse("the child gets an answer under the id %s that is not to its request", id)
	}
}

// takeToken is the answer to the child's request for another token.
func (c *child) takeToken(m message, asked *want) {
	w := c.s.world
	if waited := time.Since(asked.at); waited > 10*time.Second && !asked.isLate {
		w.accuse("the child waits %v for another token", waited)
	}
	if m.Error != nil {
		return
	}
	number, isKnown := w.numberOf(m.Result.AccessToken)
	switch {
	case !isKnown:
		w.accuse("the child gets a token that was not issued")
	case m.Result.AccessToken == asked.refused:
		// Once it may: a push has crossed the request, which was about the token before. It may
		// again while the push is under way.
		if c.repeated[asked.refused]++; c.repeated[asked.refused] > 1 && c.pushed == c.taken && time.Since(c.takenAt) > time.Second {
			w.accuse("the child gets the token that it has reported, again")
		}
	}
	c.has, c.isKey, c.number, c.isRenewed = m.Result.AccessToken, false, number, true
}

// login is the number of the login that the child has; without one, of the last logout. The
// caller holds the world's mutex.
func (c *child) login() int {
	if c.has == "" {
		return c.s.world.loggedOut
	}
	return c.number
}

// takeOurs is a request of the front itself.
func (c *child) takeOurs(m message) {
	switch m.Method {
	case "initialize":
		c.later(c.manners.Hello, func() {
			c.queue(line{text: fmt.Sprintf(`{"id":%s,"result":{"userAgent":"child/0.1","codexHome":"/home/ada/.codex","platformFamily":"unix","platformOs":"linux"}}`, m.ID)})
		})
	case "account/read":
		c.queue(line{text: fmt.Sprintf(`{"id":%s,"result":{"account":null,"requiresOpenaiAuth":true}}`, m.ID)})
	case "account/login/start", "account/logout":
		c.pushed++
		c.later(c.manners.Pushes[c.pushed%len(c.manners.Pushes)], func() { c.takeLogin(m) })
	default:
		c.s.world.accuse("the front asks the child for %s", m.Method)
	}
}

// takeLogin has the child take a login, as Codex does, and acknowledge it.
func (c *child) takeLogin(m message) {
	w := c.s.world
	c.taken++
	c.takenAt = time.Now()
	if m.Method == "account/logout" {
		c.has, c.isKey, c.number = "", false, 0
		c.queue(line{text: fmt.Sprintf(`{"id":%s,"result":{}}`, m.ID)})
		return
	}
	access, isKey := m.Params.AccessToken, m.Params.Type == "apiKey"
	if isKey {
		access = m.Params.APIKey
	}
	if isKey && c.has != "" && !c.isKey {
		if !c.isRenewed { // which may have crossed the logout
			w.accuse("the child gets a key while it has tokens")
		}
		c.queue(line{text: fmt.Sprintf(`{"id":%s,"error":{"code":-32600,"message":"External auth is active."}}`, m.ID)})
		return
	}
	number, isKnown := w.numberOf(access)
	if !isKnown {
		w.accuse("the child gets a login that does not exist")
	}
	c.has, c.isKey, c.number, c.isRenewed = access, isKey, number, false
	c.queue(line{text: `{"method":"account/updated","params":{"authMode":"chatgpt"}}`})
	c.queue(line{text: fmt.Sprintf(`{"id":%s,"result":{"type":%q}}`, m.ID, m.Params.Type)})
}

// takeRequest is a request or a notification of the client.
func (c *child) takeRequest(m message, text string) {
	w := c.s.world
	of := c.s.client.find(m.Params.Nonce)
	if of == nil || of.line != text {
		w.accuse("the child gets a line that the client has not written: %s", text)
		return
	}
	if of.reached = of.reached + 1; of.reached > 1 {
		w.accuse("the child gets a line twice: %s", text)
	}
	if of.at < c.reached {
		w.accuse("line %d of the client comes behind line %d", of.at, c.reached)
	}
	c.reached = of.at
	if of.isEarly {
		c.answer(of)
		return
	}
	if c.login() < of.floor && !c.s.isKeeping() {
		w.accuse("line %d comes under login %d, and the client was answered about login %d before", of.at, c.login(), of.floor)
	}
	if since, isKnown := w.since[c.number]; isKnown && since < of.changes && !c.s.isKeeping() {
		w.accuse("line %d comes under a login that the engine had before", of.at)
	}
	if of.kind == turn {
		c.takeTurn(of)
	}
	if of.kind == mine || of.kind == refused || of.kind == forExperimental && !c.s.client.isExperimental {
		w.accuse("the child gets %s", m.Method)
	}
	c.answer(of)
}

func (c *child) takeTurn(of *ask) {
	w := c.s.world
	if c.has == "" {
		w.accuse("a turn begins without a login")
	}
	phase := c.s.engine.Snapshot().Phase()
	if isDead(phase) && isDead(of.phase) && w.phases == of.phases {
		w.accuse("a turn begins while the login is %s", phase)
	}
}

func isDead(p machine.Phase) bool { return p == machine.Poisoned || p == machine.NoAuth }

func (c *child) answer(of *ask) {
	if of.id == "" {
		return
	}
	c.served++
	how := c.manners.Requests[c.served%len(c.manners.Requests)]
	c.later(how.After, func() {
		if how.Refuse {
			c.say(`{"error":{"code":-32600,"message":"the child refuses","data":{"nonce":%[2]d,"seq":%[1]d}},"id":%[3]s}`, of.nonce, of.id)
			return
		}
		c.say(`{"id":%[3]s,"result":{"nonce":%[2]d,"seq":%[1]d}}`, of.nonce, of.id)
	})
}

// later does something under the world's mutex, now or after a while; never if that is negative.
func (c *child) later(after time.Duration, do func()) {
	switch {
	case after < 0:
	case after == 0:
		do()
	default:
		time.AfterFunc(after, func() {
			c.s.world.mu.Lock()
			defer c.s.world.mu.Unlock()
			do()
		})
	}
}

// wantToken asks for a token in place of the one that it has, as after a 401.
func (c *child) wantToken() {
	w := c.s.world
	w.mu.Lock()
	defer w.mu.Unlock()
	if c.has == "" || c.isKey || !w.isReady {
		return
	}
	id := c.nextID()
	c.wanting[id] = &want{refused: c.has, at: time.Now(), isLate: c.hanging != nil}
	c.queue(line{text: fmt.Sprintf(`{"id":%s,"method":"account/chatgptAuthTokens/refresh","params":{"reason":"unauthorized","previousAccountId":null}}`, id)})
}

// nextID is an id as Codex makes them: from 0, as the client's own are. Now and then a string.
func (c *child) nextID() string {
	c.asked++
	if c.asked%5 == 4 {
		return fmt.Sprintf(`"child-%d"`, c.asked)
	}
	return fmt.Sprint(c.asked - 1)
}

// wantApproval asks the client something.
func (c *child) wantApproval() {
	c.s.world.mu.Lock()
	defer c.s.world.mu.Unlock()
	id := c.nextID()
	c.nonces[id] = c.asked
	c.say(`{"id":%[2]s,"method":"item/commandExecution/requestApproval","params":{"nonce":%[3]d,"seq":%[1]d}}`, id, c.asked)
}

// report tells the client something.
func (c *child) report(format string, args ...any) {
	c.s.world.mu.Lock()
	defer c.s.world.mu.Unlock()
	c.say(format, args...)
}

// mutter writes what the client must not hear.
func (c *child) mutter(text string) {
	c.s.world.mu.Lock()
	defer c.s.world.mu.Unlock()
	c.queue(line{text: text})
}

// shortened is a line for a story: its tokens are cut short, and so is the line.
func shortened(text string) string {
	const longest = 400
	text = anyToken.ReplaceAllStringFunc(text, func(token string) string { return token[:min(len(token), 6)] + "…" })
	return text[:min(len(text), longest)]
}

// isBrisk reports whether the child lives and takes each login soon. The caller holds the world's mutex.
func (c *child) isBrisk() bool {
	for _, each := range c.manners.Pushes {
		if each > time.Second {
			return false
		}
	}
	return !c.hasHung && !c.isGone
}
