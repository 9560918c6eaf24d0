package conversations

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/bezoar-auth/bezoar/properties/programtest"
)

// speaker is a server with what its client has to keep in mind.
type speaker struct {
	*programtest.Server

	lastID     int
	asked      []int           // questions without a label that wait for their answer
	labels     map[string]int  // the others
	wantsToken map[string]bool // by the id of the question
}

func (s *speaker) write(text string) error {
	s.noteWishes(text)
	return s.Server.Write(text)
}

func (s *speaker) wrote(args []string) error {
	wanted := strings.Join(args, " ")
	return programtest.Eventually(func() error {
		if !strings.Contains(s.Stderr.String(), wanted) {
			return fmt.Errorf("stderr does not have %q", wanted)
		}
		return nil
	})
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
	started, err := programtest.Start(name, c.program, environment)
	if err != nil {
		return err
	}
	s := &speaker{Server: started, labels: map[string]int{}, wantsToken: map[string]bool{}}
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
	line, err := c.at.Next()
	if err != nil {
		return err
	}
	return matches(`{"id":"hello","result":{"...":"..."}}`, line)
}

func (c *conversation) goTo(args []string) error {
	for i := len(c.servers) - 1; i >= 0; i-- { // the last one of a name
		if c.servers[i].Name == args[0] {
			c.at = c.servers[i]
			return nil
		}
	}
	return fmt.Errorf("there is no server %s", args[0])
}

func (c *conversation) endInput([]string) error {
	return c.at.EndInput()
}

func (c *conversation) signal(args []string) error {
	signals := map[string]os.Signal{"TERM": syscall.SIGTERM, "INT": os.Interrupt}
	return c.at.Process.Process.Signal(signals[args[0]])
}

func (c *conversation) crash([]string) error {
	c.at.Kill()
	return nil
}

func (c *conversation) exit(args []string) error {
	select {
	case <-c.at.Gone:
	case <-time.After(programtest.Patience):
		return errors.New("the server does not end")
	}
	if code := strconv.Itoa(c.at.Process.ProcessState.ExitCode()); code != args[0] {
		return fmt.Errorf("the server ended with %s", c.at.Process.ProcessState)
	}
	return nil
}

func (c *conversation) end([]string) error {
	if err := c.endInput(nil); err != nil {
		return err
	}
	return c.exit([]string{"0"})
}
