package programtest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/bezoar-auth/bezoar/protocol/schema/schematest"
)

// Patience is how long anything that must happen is waited for. Only a
// test that fails waits that long.
const Patience = time.Minute

// Server is one process of the program, with the client's end of its pipes.
type Server struct {
	Name    string
	Process *exec.Cmd
	Input   io.WriteCloser
	lines   chan string   // what it said and the test has not taken yet
	heard   []string      // taken, and not looked for yet
	Gone    chan struct{} // closed when the process has ended
	Stderr  Buffer
	ears    chan struct{} // empty while the client does not listen

	schema   *schematest.Conversation
	mistakes mistakes // lines that do not match the schema
	unended  string   // the beginning of a line of the client
	Said     []byte   // all of stdout; read when it is gone
}

// linesHeld is more than any conversation leaves unheard: a client that does
// not read would be another story.
const linesHeld = 1 << 18

// Start starts an app-server of a program, with this environment and no other.
func Start(name, program string, environment []string) (*Server, error) {
	s := &Server{
		Name: name, Process: exec.Command(program, "app-server"),
		lines: make(chan string, linesHeld), Gone: make(chan struct{}), ears: make(chan struct{}, 1),
	}
	s.schema = schematest.New(&s.mistakes)
	s.ears <- struct{}{}
	s.Process.Env = environment
	s.Process.Stderr = &s.Stderr
	output, err := s.Process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if s.Input, err = s.Process.StdinPipe(); err != nil {
		return nil, err
	}
	if err := s.Process.Start(); err != nil {
		return nil, err
	}
	go s.listen(output)
	return s, nil
}

// listen takes what the server says until it ends.
func (s *Server) listen(output io.Reader) {
	reader := bufio.NewReaderSize(listening{output, s.ears}, 1<<16)
	for {
		line, err := reader.ReadString('\n')
		s.Said = append(s.Said, line...)
		if err != nil {
			break
		}
		s.schema.Server([]byte(line))
		s.lines <- strings.TrimSuffix(line, "\n")
	}
	close(s.lines)
	s.Process.Wait() // what it says is in ProcessState
	close(s.Gone)
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

// Next is the next line that the test has not looked at.
func (s *Server) Next() (string, error) {
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
	case <-time.After(Patience):
		return "", errors.New("the server says nothing")
	}
}

// Write says something to the server, of one line or many, or a part of one.
func (s *Server) Write(text string) error {
	s.noteRequests(text)
	_, err := io.WriteString(s.Input, text)
	return err
}

// noteRequests tells the schema what is asked, before it can be answered.
func (s *Server) noteRequests(text string) {
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

// Mistakes are what the server has said against the schemas so far; nil for none.
func (s *Server) Mistakes() error { return s.mistakes.err() }

func (m *mistakes) err() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return errors.Join(m.found...)
}

// Kill ends the process at once, and returns when it has ended.
func (s *Server) Kill() {
	s.Process.Process.Kill() // an error: it is gone already
	<-s.Gone
}

// Buffer is a buffer that may be written and read by two goroutines.
type Buffer struct {
	mu     sync.Mutex // guards buffer
	buffer bytes.Buffer
}

func (b *Buffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(text)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// PutBack has lines that were taken come again, before what is said next.
func (s *Server) PutBack(lines []string) { s.heard = append(s.heard, lines...) }

// EndInput is the end of what a client says; its last line needs no end.
func (s *Server) EndInput() error {
	s.noteRequests("\n")
	return s.Input.Close()
}

// Deafen keeps the client from reading until it listens again.
func (s *Server) Deafen() { <-s.ears }

// Listen has the client read again.
func (s *Server) Listen() { s.ears <- struct{}{} }

// AnswerTo waits for the answer to a question; what else is said meanwhile is
// kept.
func (s *Server) AnswerTo(id int) (string, error) {
	var others []string
	defer func() { s.heard = append(others, s.heard...) }()
	for {
		line, err := s.Next()
		if err != nil {
			return "", err
		}
		if IDOf(line) == strconv.Itoa(id) {
			return line, nil
		}
		others = append(others, line)
	}
}

// IDOf is the id of an answer, as it stands on the line; "" of anything else.
func IDOf(line string) string {
	var message struct {
		ID     json.RawMessage
		Method *string
	}
	if json.Unmarshal([]byte(line), &message) != nil || message.Method != nil {
		return ""
	}
	return string(message.ID)
}

// Overhear asks for something that is answered at once, and returns what is
// said before that.
func (s *Server) Overhear() (passed []string, err error) {
	const probe = "are you there"
	if err := s.Write(`{"id":"` + probe + `","method":"nothing"}` + "\n"); err != nil {
		return nil, err
	}
	for {
		line, err := s.Next()
		if err != nil || IDOf(line) == `"`+probe+`"` {
			return passed, err
		}
		passed = append(passed, line)
	}
}

// Eventually waits for something that another process does.
func Eventually(holds func() error) error {
	deadline := time.Now().Add(Patience)
	for {
		err := holds()
		if err == nil || time.Now().After(deadline) {
			return err
		}
		<-time.After(2 * time.Millisecond)
	}
}

// LoginAnswer is what a client has heard about a login that it began.
type LoginAnswer struct {
	LoginID  string `json:"loginId"`
	AuthURL  string `json:"authUrl"`
	UserCode string `json:"userCode"`
}
