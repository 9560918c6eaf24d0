package server

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/rival"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/socket"
	"github.com/bezoar-auth/bezoar/protocol/websocket"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// listenFlags say where the server listens. They are those of codex app-server.
type listenFlags struct {
	url         string
	isStdio     bool
	auth        string
	tokenFile   string
	tokenSHA256 string
}

const (
	listenStdio = "stdio://"
	listenUnix  = "unix://"
	listenTCP   = "ws://"

	authToken = "capability-token"
)

func (f *listenFlags) register(flags *flag.FlagSet) {
	flags.StringVar(&f.url, "listen", listenStdio, "serve at this `transport`: stdio://, unix:// (the control socket of Codex), unix://PATH or ws://127.0.0.1:PORT (port 0: any)")
	flags.BoolVar(&f.isStdio, "stdio", false, "short for --listen "+listenStdio)
	flags.StringVar(&f.auth, "ws-auth", "", "how clients of ws:// show who they are: `"+authToken+"`")
	flags.StringVar(&f.tokenFile, "ws-token-file", "", "the `file` with the token of --ws-auth "+authToken)
	flags.StringVar(&f.tokenSHA256, "ws-token-sha256", "", "the SHA-256 `digest` of that token, in place of the file")
}

// address is where a server listens; one of its members is set, or none for standard
// input and output.
type address struct {
	isControl bool           // the control socket of the home
	path      string         // another socket
	tcp       netip.AddrPort // of the loopback interface
}

func (f *listenFlags) read() (address, error) {
	if f.isStdio && f.url != listenStdio {
		return address{}, cli.Misuse("--stdio and --listen %s exclude each other", f.url)
	}
	path, isUnix := strings.CutPrefix(f.url, listenUnix)
	host, isTCP := strings.CutPrefix(f.url, listenTCP)
	if err := f.checkAuth(isTCP); err != nil {
		return address{}, err
	}
	switch {
	case f.url == listenStdio:
		return address{}, nil
	case isUnix:
		return address{isControl: path == "", path: path}, nil
	case isTCP:
		tcp, err := netip.ParseAddrPort(host)
		if err != nil || !tcp.Addr().Unmap().IsLoopback() {
			return address{}, cli.Misuse("--listen takes ws://127.0.0.1:PORT (port 0: any), an address that no other machine can reach; use SSH port forwarding from another machine")
		}
		return address{tcp: tcp}, nil
	}
	return address{}, cli.Misuse("--listen takes stdio://, unix://, unix://PATH or ws://127.0.0.1:PORT")
}

func (f *listenFlags) checkAuth(isTCP bool) error {
	isGiven := f.tokenFile != "" || f.tokenSHA256 != ""
	switch {
	case f.auth == "" && isGiven:
		return cli.Misuse("--ws-token-file and --ws-token-sha256 need --ws-auth %s", authToken)
	case f.auth == "":
		return nil
	case f.auth != authToken:
		return cli.Misuse("--ws-auth takes %s alone", authToken)
	case !isTCP:
		return cli.Misuse("--ws-auth is for --listen ws://127.0.0.1:PORT; a socket at a path is yours alone")
	case !isGiven:
		return cli.Misuse("--ws-auth %s needs --ws-token-file or --ws-token-sha256", authToken)
	case f.tokenFile != "" && f.tokenSHA256 != "":
		return cli.Misuse("--ws-token-file and --ws-token-sha256 exclude each other")
	}
	return nil
}

// tokenLimitBytes is more than any token has.
const tokenLimitBytes = 16 << 10

// token is the digest of the token that clients have to show, nil for none. It warns of a
// file that other users can read.
func (f *listenFlags) token(warn func(string)) (*websocket.TokenDigest, error) {
	switch {
	case f.tokenSHA256 != "":
		digest, err := websocket.ParseDigest(f.tokenSHA256)
		if err != nil {
			return nil, cli.Misuse("--ws-token-sha256: %v", err)
		}
		return digest, nil
	case f.tokenFile == "":
		return nil, nil
	}
	content, info, err := disk.Here.Read(f.tokenFile, tokenLimitBytes)
	if err != nil {
		return nil, fmt.Errorf("--ws-token-file %s: %w", f.tokenFile, cli.WithoutPath(err))
	}
	token := bytes.TrimSpace(content)
	if len(token) == 0 {
		return nil, fmt.Errorf("--ws-token-file %s: it is empty", f.tokenFile)
	}
	if socket.IsOpenToOthers(info.Mode()) {
		warn("other users can read " + f.tokenFile + ", so the token keeps none of them out: chmod 600 it")
	}
	return websocket.DigestOf(token), nil
}

// door is where clients come in.
type door struct {
	net.Listener
	token *websocket.TokenDigest
	says  []string // lines for the user
	isOwn bool     // only programs of this user reach it
}

// open takes the address, nil for standard input and output. It comes before the engine:
// a server whose place is taken touches no login.
func (f *listenFlags) open(env cli.Environment, home string) (*door, error) {
	at, err := f.read()
	if err != nil {
		return nil, err
	}
	token, err := f.token(func(problem string) { cli.LogLine(env, problem) })
	switch {
	case err != nil:
		return nil, err
	case at.isControl:
		return openSocket(rival.ControlSocket(home))
	case at.path != "":
		return openSocket(at.path)
	case at.tcp.IsValid():
		return openPort(at.tcp, token)
	}
	return nil, nil
}

func openSocket(path string) (*door, error) {
	listener, err := socket.Listen(path)
	taken, isTaken := errors.AsType[*socket.TakenError](err)
	_, isMissing := errors.AsType[*socket.NoSocketsError](err)
	foreign, isForeign := errors.AsType[*socket.ForeignError](err)
	switch {
	case isTaken:
		return nil, fmt.Errorf("%w: end that program, or choose another socket with --listen unix://PATH", taken)
	case isForeign:
		return nil, fmt.Errorf("%w: it is not removed; choose another path with --listen unix://PATH", foreign)
	case isMissing:
		return nil, fmt.Errorf("--listen: %w; use --listen ws://127.0.0.1:0", err)
	case err != nil:
		return nil, fmt.Errorf("--listen: %w", err)
	}
	return &door{Listener: listener, isOwn: true, says: []string{
		"bezoar app-server (WebSockets over a Unix socket)",
		"  listening on: unix://" + filepath.ToSlash(listener.Path),
		"  note: only your own programs can connect",
	}}, nil
}

func openPort(at netip.AddrPort, token *websocket.TokenDigest) (*door, error) {
	listener, err := net.Listen("tcp", at.String())
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	bound := listener.Addr().String()
	says := []string{ // programs read the port in the lines of Codex
		"bezoar app-server (WebSockets)",
		"  listening on: ws://" + bound,
		"  readyz: http://" + bound + "/readyz",
		"  healthz: http://" + bound + "/healthz",
		"  note: binds localhost only (use SSH port-forwarding for remote access)",
	}
	if token == nil {
		says = append(says, "  note: every user of this machine can use this login and read its token; --ws-auth "+authToken+" or --listen unix:// keeps them out")
	}
	return &door{Listener: listener, token: token, says: says}, nil
}

// isHangUp reports whether an error says no more than that the client has gone.
func isHangUp(err error) bool {
	if all, isJoined := err.(interface{ Unwrap() []error }); isJoined {
		return !slices.ContainsFunc(all.Unwrap(), func(each error) bool { return !isHangUp(each) })
	}
	return websocket.IsGone(err)
}

// listen serves the clients that come in until signals ends, and returns when each has
// been answered.
func (h *host) listen(signals context.Context, at *door) error {
	defer context.AfterFunc(signals, func() { at.Close() })() // no client finds a server that ends
	for _, line := range at.says {
		fmt.Fprintln(h.env.Stderr, line)
	}
	err := websocket.Serve(signals, at, websocket.Options{
		Token: at.token, IsPrivate: at.isOwn, Log: h.log,
		Handle: func(conn *websocket.Conn) {
			if err := h.connect(signals, conn, conn, oneOfMany); err != nil {
				level := slog.LevelWarn
				if isHangUp(err) {
					level = slog.LevelDebug
				}
				h.log.Log(signals, level, "a connection broke", "error", err)
			}
		},
	})
	at.Close()
	drain, cancel := context.WithTimeout(h.leave.answers, drainLimit)
	defer cancel()
	h.drain(drain) // the login under way may have outlived its client
	return err
}
