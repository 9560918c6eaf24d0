package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/store/disk"
)

// sign tells where the live page of one app-server is. It is a file of the home,
// auth.inspect.PID-RANDOM, for its owner alone.
type sign struct {
	URL  string    `json:"url"`
	PID  int       `json:"pid"`
	Host string    `json:"host,omitempty"` // in which a page that does not answer has ended
	At   time.Time `json:"-"`              // when it was written
	path string
}

// signName is what the file of a build before this one is called, and how the
// others begin.
const signName = "auth.inspect"

// put writes the sign into a home, whole or not at all.
func (s *sign) put(home string) error {
	s.Host, _ = os.Hostname()
	content, err := json.Marshal(s)
	if err != nil {
		return err
	}
	s.path = filepath.Join(home, fmt.Sprintf("%s.%d-%s", signName, s.PID, strings.ToLower(rand.Text()[:6])))
	hidden := filepath.Join(home, "."+filepath.Base(s.path))
	err = os.WriteFile(hidden, append(content, '\n'), 0o600)
	if err == nil {
		err = os.Rename(hidden, s.path)
	}
	if err != nil {
		os.Remove(hidden)
	}
	return err
}

// take removes the sign.
func (s *sign) take() { os.Remove(s.path) }

// signsIn are the signs of a home that can be read, the newest first.
func signsIn(home string) []sign {
	entries, _ := os.ReadDir(home)
	var found []sign
	for _, entry := range entries {
		if name := entry.Name(); name != signName && !strings.HasPrefix(name, signName+".") {
			continue
		}
		if s, err := readSign(filepath.Join(home, entry.Name())); err == nil {
			found = append(found, s)
		}
	}
	slices.SortStableFunc(found, func(a, b sign) int { return b.At.Compare(a.At) })
	return found
}

// signLimitBytes is more than any sign has.
const signLimitBytes = 4 << 10

// errNoSign reports a file of another kind, in which nothing is said.
var errNoSign = errors.New("this is not the address of a live page")

// readSign reads a file that others may have made: it waits for no pipe, and
// reads no more than a sign has.
func readSign(path string) (sign, error) {
	file, err := os.OpenFile(path, os.O_RDONLY|disk.NonBlocking, 0)
	if err != nil {
		return sign{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return sign{}, err
	}
	if !info.Mode().IsRegular() || info.Size() > signLimitBytes {
		return sign{}, errNoSign
	}
	content, err := io.ReadAll(io.LimitReader(file, signLimitBytes))
	if err != nil {
		return sign{}, err
	}
	s := sign{At: info.ModTime(), path: path}
	if json.Unmarshal(content, &s) != nil || !strings.HasPrefix(s.URL, "http://") {
		return sign{}, errNoSign
	}
	return s, nil
}

// answering are the signs of a home whose pages are there, the newest first. The
// signs of programs that were killed are removed.
func answering(home string) []sign {
	return slices.DeleteFunc(signsIn(home), func(s sign) bool {
		isThere, isGone := s.visit()
		if isGone {
			s.take()
		}
		return !isThere
	})
}

// visitLimit is for a page of this machine, which is there or is not.
const visitLimit = 2 * time.Second

// visit reports whether the page is there. It is gone if this machine says so:
// its program was killed, and another one may have the port by now. A container
// that shares the home has a loopback of its own.
func (s *sign) visit() (isThere, isGone bool) {
	client := http.Client{Timeout: visitLimit, Transport: &http.Transport{DisableKeepAlives: true}} // no proxy
	response, err := client.Head(s.URL)
	if err == nil {
		response.Body.Close()
		isThere = response.StatusCode == http.StatusOK
	}
	slow, ok := errors.AsType[net.Error](err)
	host, _ := os.Hostname()
	return isThere, !isThere && s.Host == host && !(ok && slow.Timeout())
}
