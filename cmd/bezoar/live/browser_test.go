package live

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chromium is where the browser is. CI has one; where there is none, the test is
// skipped and says so.
func chromium(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("there is no Chromium, and CI is to have one: apt-get install -y --no-install-recommends chromium")
	}
	t.Skip("the page is not looked at: there is no Chromium here (Debian's package is chromium)")
	return ""
}

// browser is a Chromium that is told what to do over a pair of pipes, one JSON
// object a message with a NUL behind it (Chrome DevTools Protocol).
type browser struct {
	t        *testing.T
	commands *os.File

	mu      sync.Mutex // guards what follows
	last    int
	waiting map[int]chan reply
	loading chan struct{} // of the tab that is being opened
	said    []string      // what its console complained of
}

type reply struct {
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Result json.RawMessage `json:"result"`
	Params json.RawMessage `json:"params"`
	Error  *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// open starts a browser that ends with the test.
func open(t *testing.T) *browser {
	path := chromium(t)
	commandsOut, commands, err := os.Pipe()
	require.NoError(t, err)
	answers, answersIn, err := os.Pipe()
	require.NoError(t, err)
	process := exec.Command(path,
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars", "--no-proxy-server",
		"--user-data-dir="+t.TempDir(), "--remote-debugging-pipe")
	process.ExtraFiles = []*os.File{commandsOut, answersIn} // 3 and 4, as the flag wants them
	var stderr bytes.Buffer
	process.Stderr = &stderr
	require.NoError(t, process.Start())
	commandsOut.Close()
	answersIn.Close()
	b := &browser{t: t, commands: commands, waiting: map[int]chan reply{}}
	read := make(chan struct{})
	go func() {
		defer close(read)
		b.read(answers)
	}()
	t.Cleanup(func() {
		commands.Close() // it leaves when nobody can tell it anything
		<-read
		process.Wait()
		answers.Close()
	})
	return b
}

func (b *browser) read(answers *os.File) {
	reader := bufio.NewReader(answers)
	for {
		text, err := reader.ReadBytes(0)
		if err != nil {
			break
		}
		var message reply
		if json.Unmarshal(bytes.TrimSuffix(text, []byte{0}), &message) == nil {
			b.take(message)
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, each := range b.waiting {
		close(each)
	}
	b.waiting = nil
}

func (b *browser) take(message reply) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch message.Method {
	case "":
		if answered := b.waiting[message.ID]; answered != nil {
			answered <- message
			delete(b.waiting, message.ID)
		}
	case "Page.loadEventFired":
		b.loading <- struct{}{}
	case "Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled":
		b.said = append(b.said, string(message.Params))
	}
}

// tab is one page of a browser, on a screen of its own.
type tab struct {
	*browser
	session string
}

// screen is how a person looks at a page.
type screen struct {
	name          string
	width, height int
	dark          bool
}

var screens = []screen{
	{"wide-light", 1280, 900, false},
	{"wide-dark", 1280, 900, true},
	{"narrow-light", 390, 844, false},
	{"narrow-dark", 320, 640, true},
}

// patience is for a browser that hangs; nothing else takes its time.
const patience = time.Minute

type params map[string]any

// tab opens an address and waits until it is there.
func (b *browser) tab(url string, s screen, hasScript bool) *tab {
	var target struct{ TargetID, SessionID string }
	(&tab{b, ""}).do("Target.createTarget", params{"url": "about:blank"}, &target)
	(&tab{b, ""}).do("Target.attachToTarget", params{"targetId": target.TargetID, "flatten": true}, &target)
	page := &tab{b, target.SessionID}
	page.do("Runtime.enable", nil, nil)
	page.do("Log.enable", nil, nil)
	page.do("Emulation.setDeviceMetricsOverride", params{"width": s.width, "height": s.height, "deviceScaleFactor": 1, "mobile": s.width < 500}, nil)
	scheme := "light"
	if s.dark {
		scheme = "dark"
	}
	page.do("Emulation.setEmulatedMedia", params{"features": []params{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
	page.do("Emulation.setScriptExecutionDisabled", params{"value": !hasScript}, nil)
	page.do("Page.enable", nil, nil)
	loaded := make(chan struct{}, 1)
	b.mu.Lock()
	b.loading = loaded
	b.mu.Unlock()
	page.do("Page.navigate", params{"url": url}, nil)
	select {
	case <-loaded:
	case <-time.After(patience):
		require.Fail(b.t, "the page does not load")
	}
	return page
}

// do has the browser do one thing, and wants it to go well.
func (p *tab) do(method string, what params, result any) {
	p.t.Helper()
	answered := make(chan reply, 1)
	p.mu.Lock()
	require.NotNil(p.t, p.waiting, "the browser has gone")
	p.last++
	id := p.last
	p.waiting[id] = answered
	p.mu.Unlock()
	message := params{"id": id, "method": method}
	if what != nil {
		message["params"] = what
	}
	if p.session != "" {
		message["sessionId"] = p.session
	}
	text, err := json.Marshal(message)
	require.NoError(p.t, err)
	_, err = p.commands.Write(append(text, 0))
	require.NoError(p.t, err)
	select {
	case message, ok := <-answered:
		require.True(p.t, ok, "the browser has gone")
		require.Nil(p.t, message.Error, method)
		if result != nil {
			require.NoError(p.t, json.Unmarshal(message.Result, result))
		}
	case <-time.After(patience):
		require.Fail(p.t, "no answer", method)
	}
}

// eval is what a script says in the page, once its promise is kept.
func (p *tab) eval(script string) any {
	p.t.Helper()
	var evaluated struct {
		Result           struct{ Value any }
		ExceptionDetails any
	}
	p.do("Runtime.evaluate", params{"expression": script, "awaitPromise": true, "returnByValue": true}, &evaluated)
	require.Nil(p.t, evaluated.ExceptionDetails, script)
	return evaluated.Result.Value
}

// until waits until the page itself shows a text in one of its elements.
func (p *tab) until(id, text string) {
	p.t.Helper()
	quoted, _ := json.Marshal([]string{id, text})
	p.eval(`new Promise(done => {
		const [id, text] = ` + string(quoted) + `;
		const element = document.getElementById(id);
		const look = () => { if (element.textContent.includes(text)) done(true); };
		new MutationObserver(look).observe(element, {childList: true, subtree: true, characterData: true, attributes: true});
		look();
	})`)
}

// photograph keeps a picture of the whole page.
func (p *tab) photograph(name string) {
	var shot struct{ Data string }
	p.do("Page.captureScreenshot", params{"captureBeyondViewport": true}, &shot)
	picture, err := base64.StdEncoding.DecodeString(shot.Data)
	require.NoError(p.t, err)
	require.NoError(p.t, os.WriteFile(filepath.Join(p.t.ArtifactDir(), name+".png"), picture, 0o600))
}

// spoken is what the accessibility tree has of one role: what a screen reader
// would call them.
func (p *tab) spoken(role string) string {
	var tree struct {
		Nodes []struct {
			Role, Name struct{ Value any }
			Ignored    bool
		}
	}
	p.do("Accessibility.getFullAXTree", nil, &tree)
	var names []string
	for _, node := range tree.Nodes {
		if name, ok := node.Name.Value.(string); ok && !node.Ignored && node.Role.Value == role {
			names = append(names, name)
		}
	}
	return strings.Join(names, "\n")
}

// complaints are what the console of the browser said so far, and clears it.
func (b *browser) complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	said := b.said
	b.said = nil
	return said
}
