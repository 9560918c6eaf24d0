package properties

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/bezoar-auth/bezoar/protocol/schema/schematest"
)

// untilItIsWrong is how long anything that must happen is waited for. Only a
// test that fails waits that long.
const untilItIsWrong = 20 * time.Second

// server is one process of the program, with the client's end of its pipes.
type server struct {
	name    string
	process *exec.Cmd
	input   io.WriteCloser
	lines   chan string   // what it said and nobody has taken yet
	heard   []string      // taken, and not looked for yet
	gone    chan struct{} // closed when the process has ended
	stderr  quietBuffer
	ears    chan struct{} // empty while the client does not listen

	schema   *schematest.Conversation
	mistakes mistakes // lines that do not match the schema
	unended  string   // the beginning of a line of the client

	lastID int
	asked  []int          // questions without a label that wait for their answer
	labels map[string]int // the others
	said   []byte         // all of stdout; read when it is gone

	wantsToken map[string]bool // by the id of the question
}

// linesHeld is more than any conversation leaves unheard: a client that does
// not read would be another story.
const linesHeld = 1 << 18

func startServer(name, program string, environment []string) (*server, error) {
	s := &server{
		name: name, process: exec.Command(program, "app-server"),
		lines: make(chan string, linesHeld), gone: make(chan struct{}), ears: make(chan struct{}, 1), labels: map[string]int{},
		wantsToken: map[string]bool{},
	}
	s.schema = schematest.New(&s.mistakes)
	s.ears <- struct{}{}
	s.process.Env = environment
	s.process.Stderr = &s.stderr
	output, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.input, err = s.process.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	go s.listen(output)
	return s, nil
}

// listen takes what the server says until it ends.
func (s *server) listen(output io.Reader) {
	reader := bufio.NewReaderSize(listening{output, s.ears}, 1<<16)
	for {
		line, err := reader.ReadString('\n')
		s.said = append(s.said, line...)
		if err != nil {
			break
		}
		s.schema.Server([]byte(line))
		s.lines <- strings.TrimSuffix(line, "\n")
	}
	close(s.lines)
	s.process.Wait() // what it says is in ProcessState
	close(s.gone)
}

// listening begins to read only while there are ears.
type listening struct {
	io.Reader
	ears chan struct{}
}

func (l listening) Read(into []byte) (int, error) {
	l.ears <- <-l.ears
	return l.Reader.Read(into)
}

// next is the next line nobody has looked at.
func (s *server) next() (string, error) {
	if len(s.heard) > 0 {
		line := s.heard[0]
		s.heard = s.heard[1:]
		return line, nil
	}
	select {
	case line, ok := <-s.lines:
		if !ok {
			return "", errors.New("the server says nothing more")
		}
		return line, nil
	case <-time.After(untilItIsWrong):
		return "", errors.New("the server says nothing")
	}
}

func (s *server) write(text string) error {
	s.noteWishes(text)
	s.noteRequests(text)
	_, err := io.WriteString(s.input, text)
	return err
}

// noteRequests tells the schema what is asked, before it can be answered.
func (s *server) noteRequests(text string) {
	lines := strings.Split(s.unended+text, "\n")
	s.unended = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		s.schema.Client([]byte(line))
	}
}

// mistakes collects what a server says against the schemas.
type mistakes struct {
	mu    sync.Mutex // guards found
	found []error
}

func (*mistakes) Helper() {}

func (m *mistakes) Errorf(format string, args ...any) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.found = append(m.found, fmt.Errorf(format, args...))
}

func (m *mistakes) err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return errors.Join(m.found...)
}

func (s *server) kill() {
	s.process.Process.Kill() // an error: it is gone already
	<-s.gone
}

func (s *server) wrote(args []string) error {
	wanted := strings.Join(args, " ")
	return eventually(func() error {
		if !strings.Contains(s.stderr.String(), wanted) {
			return fmt.Errorf("stderr does not have %q", wanted)
		}
		return nil
	})
}

// quietBuffer may be written and read by two goroutines.
type quietBuffer struct {
	mu     sync.Mutex // guards buffer
	buffer bytes.Buffer
}

func (b *quietBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(text)
}

func (b *quietBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

func (c *conversation) spawn(args []string) error {
	name := "server"
	environment := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + filepath.Dir(c.home), "TERM=xterm", "BEZOAR_HOME=" + c.home,
		"BEZOAR_REFRESH_TOKEN_URL_OVERRIDE=" + c.url + "/oauth/token", "BEZOAR_LOGIN_ISSUER=" + c.url,
		"BEZOAR_LOG=debug", // so that whatever could be logged is
	}
	for _, arg := range args {
		if strings.Contains(arg, "=") {
			environment = append(environment, arg)
		} else {
			name = arg
		}
	}
	s, err := startServer(name, c.program, environment)
	if err != nil {
		return err
	}
	c.servers = append(c.servers, s)
	c.at = s
	return nil
}

func (c *conversation) start(args []string) error { return c.greet(args, "") }

func (c *conversation) startExperimental(args []string) error {
	return c.greet(args, `,"capabilities":{"experimentalApi":true}`)
}

func (c *conversation) greet(args []string, capabilities string) error {
	if err := c.spawn(args); err != nil {
		return err
	}
	const hello = `{"id":"hello","method":"initialize","params":{"clientInfo":{"name":"editor","version":"1"}%s}}` + "\n"
	if err := c.at.write(fmt.Sprintf(hello, capabilities)); err != nil {
		return err
	}
	line, err := c.at.next()
	if err != nil {
		return err
	}
	return matches(`{"id":"hello","result":{"...":"..."}}`, line)
}

func (c *conversation) goTo(args []string) error {
	for i := len(c.servers) - 1; i >= 0; i-- { // the last one of a name
		if c.servers[i].name == args[0] {
			c.at = c.servers[i]
			return nil
		}
	}
	return fmt.Errorf("there is no server %s", args[0])
}

func (c *conversation) endInput([]string) error {
	c.at.noteRequests("\n") // the last line needs no end
	return c.at.input.Close()
}

func (c *conversation) signal(args []string) error {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": os.Interrupt}
	return c.at.process.Process.Signal(signals[args[0]])
}

func (c *conversation) crash([]string) error {
	c.at.kill()
	return nil
}

func (c *conversation) exit(args []string) error {
	select {
	case <-c.at.gone:
	case <-time.After(untilItIsWrong):
		return errors.New("the server does not end")
	}
	if code := strconv.Itoa(c.at.process.ProcessState.ExitCode()); code != args[0] {
		return fmt.Errorf("the server ended with %s", c.at.process.ProcessState)
	}
	return nil
}

func (c *conversation) end([]string) error {
	if err := c.endInput(nil); err != nil {
		return err
	}
	return c.exit([]string{"0"})
}
