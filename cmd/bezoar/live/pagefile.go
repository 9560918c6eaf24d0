package live

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/store/disk"
)

// PageFile tells where the live page of one app-server is. It is a file of the home,
// auth.inspect.PID-RANDOM, which only its owner can read.
type PageFile struct {
	URL  string    `json:"url"`
	PID  int       `json:"pid"`
	Host string    `json:"host,omitempty"` // in which a page that does not answer has ended
	At   time.Time `json:"-"`              // when it was written
	path string
}

// pageFileName is the name of the file that an older build wrote, and the beginning
// of the others.
const pageFileName = "auth.inspect"

// write writes the file into a home, whole or not at all.
func (f *PageFile) write(home string) error {
	f.Host, _ = os.Hostname()
	content, err := json.Marshal(f)
	if err != nil {
		return err
	}
	f.path = filepath.Join(home, fmt.Sprintf("%s.%d-%s", pageFileName, f.PID, strings.ToLower(rand.Text()[:6])))
	return disk.Here.Put(f.path, append(content, '\n'), 0o600)
}

func (f *PageFile) remove() { os.Remove(f.path) }

// ErrNoPage reports a home without a live page.
var ErrNoPage = errors.New("no app-server of this home shows its state; start one with: bezoar app-server --inspect 127.0.0.1:0")

// SilentError reports that no page of a home answers, and that a process of this machine
// still has one: it may be stopped, or busy. Name it to the user.
type SilentError struct{ PID int }

func (e *SilentError) Error() string {
	return fmt.Sprintf("process %d shows its state, but does not answer", e.PID)
}

// PageFiles are the files of a home whose pages answer, the newest first. It removes the
// files of programs that were killed. If no page answers, it returns ErrNoPage or a
// [*SilentError].
func PageFiles(home string) ([]PageFile, error) {
	var answering []PageFile
	none := ErrNoPage
	for _, f := range slices.Backward(pageFilesIn(home)) {
		switch answers, gone := f.visit(); {
		case answers:
			answering = append(answering, f)
		case gone:
			f.remove()
		case f.isOfThisMachine():
			none = &SilentError{f.PID}
		}
	}
	if len(answering) == 0 {
		return nil, none
	}
	slices.Reverse(answering)
	return answering, nil
}

// pageFilesIn are the files of a home that can be read, the newest first.
func pageFilesIn(home string) []PageFile {
	entries, _ := os.ReadDir(home)
	var found []PageFile
	for _, entry := range entries {
		if name := entry.Name(); name != pageFileName && !strings.HasPrefix(name, pageFileName+".") {
			continue
		}
		if f, err := readPageFile(filepath.Join(home, entry.Name())); err == nil {
			found = append(found, f)
		}
	}
	slices.SortStableFunc(found, func(a, b PageFile) int { return b.At.Compare(a.At) })
	return found
}

// pageFileLimitBytes is more than any of these files has.
const pageFileLimitBytes = 4 << 10

var errNoPageFile = errors.New("this is not the address of a live page")

// readPageFile reads a file that another program may have made.
func readPageFile(path string) (PageFile, error) {
	content, info, err := disk.Here.Read(path, pageFileLimitBytes)
	if err != nil {
		return PageFile{}, err
	}
	f := PageFile{At: info.ModTime(), path: path}
	if json.Unmarshal(content, &f) != nil || !strings.HasPrefix(f.URL, "http://") {
		return PageFile{}, errNoPageFile
	}
	return f, nil
}

// visitLimit is for a page of this machine, which is there or is not.
const visitLimit = 2 * time.Second

// visit reports whether the page answers. It is gone if this machine says so: the
// program was killed, and another one may have the port by now. A container that shares
// the home has a loopback of its own, so that its pages are not known to be gone.
func (f *PageFile) visit() (answers, gone bool) {
	client := http.Client{Timeout: visitLimit, Transport: &http.Transport{DisableKeepAlives: true}} // no proxy
	response, err := client.Head(f.URL)
	if err == nil {
		response.Body.Close()
		answers = response.StatusCode == http.StatusOK
	}
	slow, ok := errors.AsType[net.Error](err)
	return answers, !answers && f.isOfThisMachine() && !(ok && slow.Timeout())
}

func (f *PageFile) isOfThisMachine() bool {
	host, _ := os.Hostname()
	return f.Host == host
}
