package main

import (
	"os/exec"
	"runtime"
)

// openBrowser hands an address to the program that opens addresses, and reports
// whether there is one. Nobody waits for what comes of it.
func openBrowser(address string, getenv func(string) string) bool {
	opener := opener(runtime.GOOS, getenv)
	if opener == nil {
		return false
	}
	command := exec.Command(opener[0], append(opener[1:], address)...)
	if command.Start() != nil {
		return false
	}
	go command.Wait()
	return true
}

// opener is the command that opens an address, nil if there can be no browser
// to see. Without a display xdg-open would take over this very terminal.
func opener(system string, getenv func(string) string) []string {
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
