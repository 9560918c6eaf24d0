// Package browser opens an address in the user's browser. The address holds a secret,
// the token of a page or the state of a login, and every user of a machine can read
// the arguments of every process. So the program that opens addresses gets the path of
// a file that only its owner can read. The file sends the browser to a redirect on
// loopback, and the redirect to the address: a browser that comes there has got it, and
// the file has done its work.
package browser

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"time"
)

// Opening is an address on its way to a browser. Close it once no browser needs to
// come any more.
type Opening struct {
	folder   string
	redirect *http.Server
	arrived  chan struct{} // closed when a browser has come
	failed   chan error    // has one error if the opener failed
	once     sync.Once
}

// ErrNone reports that the user has no display to see a browser on: print the address.
var ErrNone = errors.New("there is no browser to see")

// Open hands an address to the program that opens addresses, and does not wait for a
// browser. It returns ErrNone if the user has no display, and the error of the file, of
// the redirect or of the program's start.
func Open(address string, getenv func(string) string) (*Opening, error) {
	opener := commandFor(runtime.GOOS, getenv)
	if opener == nil {
		return nil, ErrNone
	}
	o := &Opening{arrived: make(chan struct{}), failed: make(chan error, 1)}
	redirect, err := o.serveRedirect(address)
	if err != nil {
		return nil, err
	}
	path, err := o.writeFile(redirect, readableFolders(runtime.GOOS, getenv))
	if err != nil {
		o.Close()
		return nil, err
	}
	command := exec.Command(opener[0], append(opener[1:], path)...)
	if err := command.Start(); err != nil {
		o.Close()
		return nil, err
	}
	go func() {
		if err := command.Wait(); err != nil {
			o.failed <- fmt.Errorf("%s: %w", opener[0], err)
		}
	}()
	return o, nil
}

// serveRedirect listens where the browser is sent first, and returns that address.
func (o *Opening) serveRedirect(address string) (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	path := "/" + rand.Text()
	arrived := sync.OnceFunc(func() { close(o.arrived) })
	o.redirect = &http.Server{ReadHeaderTimeout: browserLimit, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != path || r.Method != http.MethodGet {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		w.Header().Set("Referrer-Policy", "no-referrer")
		w.Header().Set("Connection", "close")
		http.Redirect(w, r, address, http.StatusFound)
		arrived()
	})}
	go o.redirect.Serve(listener)
	return "http://" + listener.Addr().String() + path, nil
}

// What the file of an opening is called.
const (
	openingFolder = "bezoar-open-"
	openingFile   = "open.html"
)

const openingPage = `<!doctype html>
<html lang="en"><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>bezoar</title>
<meta http-equiv="refresh" content="0; url=%[1]s">
<p><a href="%[1]s">Go on</a>
`

// writeFile writes the file into the first folder that takes it.
func (o *Opening) writeFile(redirect string, folders []string) (path string, err error) {
	err = errors.New("there is no folder for the file that a browser is to open")
	for _, folder := range folders {
		removeLeftovers(folder, time.Now())
		if o.folder, err = os.MkdirTemp(folder, openingFolder); err != nil { // for its owner alone
			continue
		}
		path = filepath.Join(o.folder, openingFile)
		if err = os.WriteFile(path, fmt.Appendf(nil, openingPage, redirect), 0o600); err == nil {
			return path, nil
		}
		os.RemoveAll(o.folder)
	}
	return "", err
}

// readableFolders are the folders from which a browser can read a file, the
// best first. On Linux that is the user's home: a browser in a snap sees neither
// hidden folders nor /tmp nor the runtime folder of the user, and one in a
// flatpak is handed any file that it is started with. The temporary folders of
// macOS and Windows belong to one user alone.
func readableFolders(system string, getenv func(string) string) []string {
	if system == "darwin" || system == "windows" {
		return []string{os.TempDir()}
	}
	var folders []string
	for _, name := range []string{"HOME", "XDG_RUNTIME_DIR"} {
		if folder := getenv(name); filepath.IsAbs(folder) {
			folders = append(folders, folder)
		}
	}
	return folders
}

// leftoverAge is how old the file of a killed process is at the least: its redirect
// has gone too.
const leftoverAge = time.Hour

func removeLeftovers(folder string, now time.Time) {
	left, _ := filepath.Glob(filepath.Join(folder, openingFolder+"*"))
	for _, each := range left {
		if info, err := os.Lstat(each); err == nil && info.IsDir() && now.Sub(info.ModTime()) > leftoverAge {
			os.Remove(filepath.Join(each, openingFile))
			os.Remove(each) // unless something else is in it
		}
	}
}

// browserLimit is how long a browser may take to start.
const browserLimit = 20 * time.Second

// Wait returns nil once a browser has come. It returns an error if the opener
// failed, if no browser came within browserLimit, or if ctx ended.
func (o *Opening) Wait(ctx context.Context) error {
	limit := time.NewTimer(browserLimit)
	defer limit.Stop()
	select {
	case <-o.arrived:
		return nil
	case err := <-o.failed:
		return err
	case <-limit.C:
		return fmt.Errorf("no browser came within %v", browserLimit)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Watch waits beside the caller. It closes the opening when a browser has come,
// and calls failed if none did; leave ends both, and returns when failed will not
// be called any more.
func (o *Opening) Watch(failed func(error)) (leave func()) {
	ctx, cancel := context.WithCancel(context.Background())
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if err := o.Wait(ctx); err == nil {
			o.Close()
		} else if ctx.Err() == nil {
			failed(err)
		}
	}()
	return func() {
		cancel()
		<-watched
		o.Close()
	}
}

// redirectLimit lets the browser that has come read where it is sent to.
const redirectLimit = time.Second

// Close removes the file and ends the redirect. It may be called more than once.
func (o *Opening) Close() {
	o.once.Do(func() {
		if o.folder != "" {
			os.RemoveAll(o.folder)
		}
		ctx, cancel := context.WithTimeout(context.Background(), redirectLimit)
		defer cancel()
		o.redirect.Shutdown(ctx)
		o.redirect.Close()
	})
}

// commandFor is the command that opens a file in a browser, nil if there can be no
// browser to see. Without a display xdg-open would take over this very terminal.
func commandFor(system string, getenv func(string) string) []string {
	switch system {
	case "darwin":
		return []string{"open"}
	case "windows":
		return []string{"rundll32", "url.dll,FileProtocolHandler"} // start needs a shell, which would take & for its own
	}
	if getenv("DISPLAY") == "" && getenv("WAYLAND_DISPLAY") == "" {
		return nil
	}
	return []string{"xdg-open"}
}
