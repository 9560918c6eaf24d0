package front

import (
	"encoding/json"
	"sync"
)

// threads knows which threads have a model provider that needs an OpenAI login. It learns
// that from the answers with which threads begin.
type threads struct {
	mu  sync.Mutex
	all map[string]bool // of those that differ from the default provider: whether it needs one
}

// learn reads the answer to a request that begins a thread.
func (f *Front) learn(o *pending, result json.RawMessage) {
	var begun struct {
		Thread struct {
			ID string `json:"id"`
		} `json:"thread"`
		ModelProvider  string `json:"modelProvider"`
		ReviewThreadID string `json:"reviewThreadId"`
	}
	if json.Unmarshal(result, &begun) != nil {
		return
	}
	if begun.ReviewThreadID != "" {
		f.threads.set(begun.ReviewThreadID, f.needsLogin(o.thread), f.requiresAuth(""))
		return
	}
	f.threads.set(begun.Thread.ID, f.requiresAuth(begun.ModelProvider), f.requiresAuth(""))
}

func (t *threads) set(thread string, needs, byDefault bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if needs == byDefault {
		delete(t.all, thread)
		return
	}
	if t.all == nil {
		t.all = map[string]bool{}
	}
	t.all[thread] = needs
}

// needsLogin reports whether turns of a thread need an OpenAI login.
func (f *Front) needsLogin(thread string) bool {
	f.threads.mu.Lock()
	defer f.threads.mu.Unlock()
	if needs, ok := f.threads.all[thread]; ok {
		return needs
	}
	return f.requiresAuth("")
}

// threadOf is the thread that a request is about, "" for none.
func threadOf(line []byte) string {
	var thread string
	_ = json.Unmarshal(memberOf(memberOf(line, "params"), "threadId"), &thread)
	return thread
}
