package main

import (
	"bufio"
	"context"
	"time"
)

// watchingPace is the time between two polls when somebody watches them.
const watchingPace = 20 * time.Millisecond

// spawn starts the editor and its server, and shows the server's page if it is
// to be watched.
func (s *story) spawn(ctx context.Context) (*editor, error) {
	var flags []string
	if s.showsPage {
		flags = []string{"--inspect", "127.0.0.1:0"}
	}
	editor, err := spawnEditor(s.home, s.url, flags...)
	if err != nil {
		return nil, err
	}
	err = editor.hello(ctx, clientName)
	if err == nil && s.showsPage {
		err = s.showPage()
	}
	if err != nil {
		editor.close()
		return nil, err
	}
	return editor, nil
}

func (s *story) showPage() error {
	shown, err := readSign(signIn(s.home))
	if err != nil {
		return err
	}
	s.say("\nWatch it at %s", shown.URL)
	openBrowser(shown.URL, s.env.getenv)
	return nil
}

// poll asks for the token, with a bar that shows how far it is, and slowly for
// somebody who watches.
func (s *story) poll(ctx context.Context, editor *editor, times int) (tokens int, err error) {
	bar := newProgress(s.env, times)
	defer bar.end()
	pace := time.Duration(0)
	if s.showsPage {
		pace = watchingPace
	}
	return editor.poll(ctx, times, func() {
		bar.step()
		time.Sleep(pace)
	})
}

// linger lets somebody look at the page until he presses Enter or the input ends.
func (s *story) linger() error {
	if !s.showsPage {
		return nil
	}
	s.say("\nThe page shows all of it. Press Enter to go on.")
	bufio.NewReader(s.env.stdin).ReadString('\n') // its end is as good
	return nil
}
