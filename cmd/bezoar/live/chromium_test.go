package live

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMain(m *testing.M) {
	code := m.Run()
	if browser.process != nil {
		browser.end()
	}
	os.Exit(code)
}

// browser is one Chromium for all tests. It takes commands over a pair of pipes, a
// JSON object a message with a NUL behind it (Chrome DevTools Protocol).
var browser chromium

type chromium struct {
	start    sync.Once
	problem  error // of the start
	process  *exec.Cmd
	folder   string
	commands *os.File
	gone     chan struct{}

	mu      sync.Mutex // guards what follows, and the order of the commands
	last    int
	waiting map[int]chan reply // nil when the browser has gone
	tabs    map[string]*tab    // by session
}

type reply struct {
	ID      int             `json:"id"`
	Session string          `json:"sessionId"`
	Method  string          `json:"method"`
	Result  json.RawMessage `json:"result"`
	Params  json.RawMessage `json:"params"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error"`
}

// findChromium skips the test where there is no Chromium; CI has to have one.
func findChromium(t *testing.T) string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") != "" {
		t.Fatal("CI needs a Chromium: apt-get install -y --no-install-recommends chromium")
	}
	t.Skip("this test needs a Chromium (Debian's package is chromium)")
	return ""
}

func (b *chromium) run(path string) error {
	commandsOut, commands, err := os.Pipe()
	if err != nil {
		return err
	}
	answers, answersIn, err := os.Pipe()
	if err != nil {
		return err
	}
	if b.folder, err = os.MkdirTemp("", "bezoar-chromium-"); err != nil {
		return err
	}
	process := exec.Command(path,
		"--headless", "--no-sandbox", "--no-zygote", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-extensions", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars",
		"--no-proxy-server", "--renderer-process-limit=1", "--user-data-dir="+b.folder, "--remote-debugging-pipe")
	process.ExtraFiles = []*os.File{commandsOut, answersIn} // 3 and 4, as the flag wants them
	if err := process.Start(); err != nil {
		return err
	}
	commandsOut.Close()
	answersIn.Close()
	b.process, b.commands, b.gone = process, commands, make(chan struct{})
	b.waiting, b.tabs = map[int]chan reply{}, map[string]*tab{}
	go b.read(answers)
	return nil
}

func (b *chromium) end() {
	b.commands.Close() // it ends when it can get no command any more
	<-b.gone
	b.process.Wait()
	os.RemoveAll(b.folder)
}

func (b *chromium) read(answers *os.File) {
	defer close(b.gone)
	defer answers.Close()
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

func (b *chromium) take(message reply) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if answered := b.waiting[message.ID]; message.Method == "" && answered != nil {
		answered <- message
		delete(b.waiting, message.ID)
	}
	tab := b.tabs[message.Session]
	if tab == nil {
		return
	}
	switch message.Method {
	case "Page.loadEventFired":
		tab.loaded <- struct{}{}
	case "Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled":
		tab.complaints = append(tab.complaints, string(message.Params))
	}
}

// send sends a command and returns where the answer comes, nil for a browser that has
// gone.
func (b *chromium) send(session, method string, what params) (<-chan reply, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.waiting == nil {
		return nil, os.ErrClosed
	}
	b.last++
	answered := make(chan reply, 1)
	b.waiting[b.last] = answered
	message := params{"id": b.last, "method": method}
	if what != nil {
		message["params"] = what
	}
	if session != "" {
		message["sessionId"] = session
	}
	text, err := json.Marshal(message)
	if err == nil {
		_, err = b.commands.Write(append(text, 0))
	}
	return answered, err
}

// tab is one page of the browser, on a screen of its own.
type tab struct {
	t          *testing.T
	session    string
	loaded     chan struct{}
	complaints []string // of the console; guarded by the browser's mutex
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

// browserLimit ends a test whose browser hangs; nothing else takes that long.
const browserLimit = time.Minute

type params map[string]any

// openTab opens a tab that closes with the test, and fails the test if the console
// complains.
func openTab(t *testing.T, hasScript bool) *tab {
	path := findChromium(t)
	browser.start.Do(func() { browser.problem = browser.run(path) })
	require.NoError(t, browser.problem)
	var target struct{ TargetID, SessionID string }
	root := &tab{t: t}
	root.do("Target.createTarget", params{"url": "about:blank"}, &target)
	root.do("Target.attachToTarget", params{"targetId": target.TargetID, "flatten": true}, &target)
	page := &tab{t: t, session: target.SessionID, loaded: make(chan struct{}, 1)}
	browser.mu.Lock()
	browser.tabs[page.session] = page
	browser.mu.Unlock()
	t.Cleanup(func() {
		browser.mu.Lock()
		defer browser.mu.Unlock()
		delete(browser.tabs, page.session)
		require.Empty(t, page.complaints, "the console complains")
	})
	t.Cleanup(func() { root.do("Target.closeTarget", params{"targetId": target.TargetID}, nil) })
	for _, domain := range []string{"Runtime", "Log", "Page"} {
		page.do(domain+".enable", nil, nil)
	}
	page.do("Emulation.setScriptExecutionDisabled", params{"value": !hasScript}, nil)
	return page
}

// resize makes the tab look as it does on a screen.
func (p *tab) resize(s screen) {
	p.do("Emulation.setDeviceMetricsOverride", params{"width": s.width, "height": s.height, "deviceScaleFactor": 1, "mobile": s.width < 500}, nil)
	scheme := "light"
	if s.dark {
		scheme = "dark"
	}
	p.do("Emulation.setEmulatedMedia", params{"features": []params{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// visit opens an address and waits until it has loaded.
func (p *tab) visit(url string) {
	p.do("Page.navigate", params{"url": url}, nil)
	select {
	case <-p.loaded:
	case <-time.After(browserLimit):
		require.Fail(p.t, "the page does not load")
	}
}

// do has the browser execute a command, and fails the test if it cannot.
func (p *tab) do(method string, what params, result any) {
	p.t.Helper()
	answered, err := browser.send(p.session, method, what)
	require.NoError(p.t, err, method)
	select {
	case message, ok := <-answered:
		require.True(p.t, ok, "the browser has gone")
		require.Nil(p.t, message.Error, method)
		if result != nil {
			require.NoError(p.t, json.Unmarshal(message.Result, result))
		}
	case <-time.After(browserLimit):
		require.Fail(p.t, "no answer", method)
	}
}

// eval returns the value of a script in the page, or what its promise resolves to.
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

// until waits until an element of the page shows a text.
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

// photograph writes a picture of the whole page, if the tests were started with
// -artifacts.
func (p *tab) photograph(name string) {
	if flag.Lookup("test.artifacts").Value.String() != "true" {
		return
	}
	var shot struct{ Data string }
	p.do("Page.captureScreenshot", params{"captureBeyondViewport": true}, &shot)
	picture, err := base64.StdEncoding.DecodeString(shot.Data)
	require.NoError(p.t, err)
	require.NoError(p.t, os.WriteFile(filepath.Join(p.t.ArtifactDir(), name+".png"), picture, 0o600))
}

// spoken returns the names that a screen reader has for the elements of one role.
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
