package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/backend"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/rival"
)

// serveSocket is how bezoar comes to the control socket.
const serveSocket = "bezoar app-server --listen unix:// --backend 'codex app-server'"

// socketCheck looks at the control socket, where plain codexes find a server by
// themselves: whether there is one, and whose.
func socketCheck(ctx context.Context, p *probe) finding {
	path := rival.ControlSocket(p.config.Root)
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return skip("no program serves the plain codexes of this home")
	case err != nil:
		return problem(resultWarn, fmt.Sprintf("%s: %v", path, cli.WithoutPath(err)), "check its folder's owner and permissions")
	case info.Mode()&fs.ModeSocket == 0:
		return problem(resultWarn, path+" is no socket, so that no server can have it", "move it away")
	}
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", path)
	if err != nil {
		return problem(resultWarn, "the control socket was left by a program that has ended: "+path, "none is needed: the next "+serveSocket+" takes it")
	}
	defer conn.Close()
	server := rival.At(conn)
	if info.Mode().Perm()&0o077 != 0 {
		return problem(resultWarn, fmt.Sprintf("other users may connect to the control socket: it has %04o", info.Mode().Perm()), "chmod 600 "+cli.ShellWord(path))
	}
	if server.IsCodex {
		return problem(resultWarn, fmt.Sprintf("%s serves the plain codexes of this home, and refreshes their login by itself", server),
			"end it, and let "+serveSocket+" take its place")
	}
	return passed("%s serves the plain codexes of this home", server)
}

// shimCheck looks at what the word codex starts: a shim of ours has to lead to a real one.
func shimCheck(_ context.Context, p *probe) finding {
	found := codexesOn(p.path)
	if len(found) == 0 {
		return skip("there is no codex on PATH")
	}
	for i, path := range found {
		behind, isShim := backend.Shimmed(path)
		if !isShim {
			continue
		}
		return judgeShim(path, behind, found[:i])
	}
	return skip("codex is " + found[0] + ", and no shim of bezoar")
}

// judgeShim judges a shim, with the codexes that come before it on PATH.
func judgeShim(path, behind string, before []string) finding {
	again := "write it again: bezoar shim"
	info, err := os.Stat(behind)
	_, isShim := backend.Shimmed(behind)
	switch {
	case err != nil:
		return problem(resultFail, fmt.Sprintf("the shim %s leads to %s, which is missing", path, behind), again)
	case isShim || info.IsDir():
		return problem(resultFail, fmt.Sprintf("the shim %s leads to %s, which is no codex", path, behind), again)
	case len(before) > 0:
		return problem(resultWarn, fmt.Sprintf("the word codex starts %s, which comes before the shim %s on PATH", before[0], path),
			"put "+filepath.Dir(path)+" at the beginning of PATH")
	}
	return passed("codex is the shim %s, and the codex behind it is %s", path, behind)
}

// codexesOn are the programs named codex in the folders of a PATH, in its order.
func codexesOn(path string) []string {
	var found []string
	for _, folder := range filepath.SplitList(path) {
		if each, err := exec.LookPath(filepath.Join(folder, "codex")); err == nil && filepath.IsAbs(folder) {
			found = append(found, each)
		}
	}
	return found
}
