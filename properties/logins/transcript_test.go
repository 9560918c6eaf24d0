package logins

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/properties/programtest"
	"github.com/bezoar-auth/bezoar/properties/propertytest"
	"github.com/bezoar-auth/bezoar/protocol"
)

// transcript is what a client has heard.
type transcript struct {
	mu        sync.Mutex    // guards all below
	ending    map[int][]int // by requests that end logins: the requests for these
	answers   map[int][]answered
	completed map[string][]protocol.LoginCompletedNotification // by login id, "" for none
	updates   []protocol.AccountUpdatedNotification
}

// answered is an answer to a request.
type answered struct {
	Result json.RawMessage
	Error  *struct{ Message string }
}

func (h *transcript) init() {
	h.ending, h.answers, h.completed = map[int][]int{}, map[int][]answered{}, map[string][]protocol.LoginCompletedNotification{}
}

// add takes note of a line. What it returns is wrong with the order of lines.
func (h *transcript) add(line []byte) error {
	var message struct {
		ID     *int
		Method string
		Params json.RawMessage
		answered
	}
	if err := json.Unmarshal(line, &message); err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	switch message.Method {
	case "":
		h.answers[*message.ID] = append(h.answers[*message.ID], message.answered)
		return h.checkOrder(*message.ID, message.answered)
	case protocol.LoginCompleted:
		return h.addCompleted(message.Params)
	case protocol.AccountUpdated:
		var update protocol.AccountUpdatedNotification
		if err := json.Unmarshal(message.Params, &update); err != nil {
			return err
		}
		h.updates = append(h.updates, update)
	}
	return nil
}

// checkOrder: the end of a login is reported before the request that ended it is answered.
func (h *transcript) checkOrder(request int, answer answered) error {
	if answer.Error != nil {
		return nil
	}
	for _, each := range h.ending[request] {
		if len(h.answers[each]) == 0 {
			return fmt.Errorf("request %d is answered after what ended it", each)
		}
		id := loginOf(h.answers[each][0]).LoginID
		if id != "" && len(h.completed[id]) == 0 {
			return fmt.Errorf("the login of request %d is over, and it was not reported", each)
		}
	}
	return nil
}

// ends takes note that a request will end logins.
func (h *transcript) ends(request int, tales []*loginTale) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, each := range tales {
		h.ending[request] = append(h.ending[request], each.request)
	}
}

func (h *transcript) addCompleted(params json.RawMessage) error {
	var ended protocol.LoginCompletedNotification
	if err := json.Unmarshal(params, &ended); err != nil {
		return err
	}
	id := ""
	if ended.LoginID != nil {
		id = *ended.LoginID
	}
	h.completed[id] = append(h.completed[id], ended)
	switch {
	case id == "":
		return nil
	case len(h.completed[id]) > 1:
		return fmt.Errorf("a login has ended twice")
	case !h.knows(id):
		return fmt.Errorf("a login has ended that was never announced")
	}
	return nil
}

// knows reports whether a client has heard of a login.
func (h *transcript) knows(id string) bool {
	for _, answers := range h.answers {
		for _, each := range answers {
			if loginOf(each).LoginID == id {
				return true
			}
		}
	}
	return false
}

func loginOf(a answered) (told programtest.LoginAnswer) {
	_ = json.Unmarshal(a.Result, &told) // an error, or another answer, tells of none
	return told
}

// login is what the answer to a request tells of a login.
func (h *transcript) login(request int) programtest.LoginAnswer {
	if answer, ok := h.answer(request); ok {
		return loginOf(answer)
	}
	return programtest.LoginAnswer{}
}

func (h *transcript) answer(request int) (answered, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.answers[request]) == 0 {
		return answered{}, false
	}
	return h.answers[request][0], true
}

// diary is a store that writes down what happens to it, and can be out of order.
type diary struct {
	persist.Store

	mu      sync.Mutex // guards all below
	isFull  bool
	slow    time.Duration
	entries []entry
}

// entry is a login that was stored, or the removal of whatever was there.
type entry struct {
	account string // "" for a key
	removed bool
	failed  bool
}

func (d *diary) write(e entry, do func() error) error {
	d.mu.Lock()
	isFull, slow := d.isFull, d.slow
	d.mu.Unlock()
	time.Sleep(slow)
	err := error(&persist.NotDurableError{Err: propertytest.ErrDisk})
	if !isFull {
		err = do()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	e.failed = err != nil
	d.entries = append(d.entries, e)
	return err
}

func (d *diary) Replace(ctx context.Context, c machine.Credential) error {
	return d.write(entry{account: c.AccountID}, func() error { return d.Store.Replace(ctx, c) })
}

func (d *diary) Delete(ctx context.Context) error {
	return d.write(entry{removed: true}, func() error { return d.Store.Delete(ctx) })
}

func (d *diary) set(isFull bool, slow time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.isFull, d.slow = isFull, slow
}

// kept is the method and the token that are stored; "" for none.
func (d *diary) kept() (machine.Method, secret.Fingerprint) {
	record, err := d.Store.Load(context.Background())
	if err != nil {
		return "", ""
	}
	if record.Credential.Method == machine.MethodAPIKey {
		return machine.MethodAPIKey, record.Credential.APIKey.Fingerprint()
	}
	return record.Credential.Method, record.Credential.AccessToken.Fingerprint()
}
