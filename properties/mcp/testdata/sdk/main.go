// Command sdk is a server and a client of the official Go SDK of the Model Context Protocol,
// which bezoar's own module has nothing of.
//
//	sdk server MODE [VERSION ...]      MODE is stateful or stateless. Serves Streamable HTTP at a free port of loopback, prints
//	                                   its address and ends with its standard input
//	sdk client VERSION COMMAND ...     starts a server on standard input and output, does what
//	                                   the lines of its own standard input say, and prints what
//	                                   comes of each
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/modelcontextprotocol/go-sdk/mcp"
)

func main() {
	switch os.Args[1] {
	case "server":
		serve(os.Args[2] == "stateless", os.Args[3:])
	case "client":
		drive(os.Args[2], os.Args[3:])
	}
}

type numbers struct {
	A int `json:"a"`
	B int `json:"b"`
}

type sum struct {
	Sum int `json:"sum"`
}

func serve(stateless bool, versions []string) {
	server := mcp.NewServer(&mcp.Implementation{Name: "sdk", Version: "1"}, &mcp.ServerOptions{SupportedProtocolVersions: versions})
	mcp.AddTool(server, &mcp.Tool{Name: "add", Description: "adds, and says how far it is"}, func(ctx context.Context, r *mcp.CallToolRequest, in numbers) (*mcp.CallToolResult, sum, error) {
		for i := range 3 {
			if token := r.Params.GetProgressToken(); token != nil {
				_ = r.Session.NotifyProgress(ctx, &mcp.ProgressNotificationParams{ProgressToken: token, Progress: float64(i + 1), Total: 3})
			}
		}
		return nil, sum{in.A + in.B}, nil
	})
	mcp.AddTool(server, &mcp.Tool{Name: "roots", Description: "counts the roots of its client"}, func(ctx context.Context, r *mcp.CallToolRequest, _ struct{}) (*mcp.CallToolResult, sum, error) {
		roots, err := r.Session.ListRoots(ctx, nil)
		if err != nil {
			return nil, sum{}, err
		}
		return nil, sum{len(roots.Roots)}, nil
	})
	mcp.AddTool(server, &mcp.Tool{Name: "leave", Description: "closes its stream before it answers"}, func(ctx context.Context, r *mcp.CallToolRequest, in numbers) (*mcp.CallToolResult, sum, error) {
		if r.Extra != nil && r.Extra.CloseSSEStream != nil {
			r.Extra.CloseSSEStream(mcp.CloseSSEStreamArgs{RetryAfter: 10 * time.Millisecond})
		}
		return nil, sum{in.A + in.B}, nil
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	handler := mcp.NewStreamableHTTPHandler(func(*http.Request) *mcp.Server { return server }, &mcp.StreamableHTTPOptions{
		Stateless: stateless, EventStore: mcp.NewMemoryEventStore(nil),
	})
	go http.Serve(listener, handler)
	fmt.Println("http://" + listener.Addr().String())
	io.Copy(io.Discard, os.Stdin)
}

// said is one line of what the client prints.
type said struct {
	Version  string   `json:"version,omitempty"`
	Tools    []string `json:"tools,omitempty"`
	Sums     []int    `json:"sums,omitempty"`
	Progress int      `json:"progress,omitempty"`
	Errors   []string `json:"errors,omitempty"`
}

func drive(version string, command []string) {
	ctx := context.Background()
	var progress atomic.Int32
	client := mcp.NewClient(&mcp.Implementation{Name: "sdk", Version: "1"}, &mcp.ClientOptions{
		ProgressNotificationHandler: func(context.Context, *mcp.ProgressNotificationClientRequest) { progress.Add(1) },
	})
	client.AddRoots(&mcp.Root{URI: "file:///a"}, &mcp.Root{URI: "file:///b"})
	process := exec.Command(command[0], command[1:]...)
	process.Stderr = os.Stderr
	session, err := client.Connect(ctx, &mcp.CommandTransport{Command: process}, &mcp.ClientSessionOptions{ProtocolVersion: version})
	if err != nil {
		say(said{Errors: []string{err.Error()}})
		return
	}
	first := said{Version: session.InitializeResult().ProtocolVersion}
	tools, err := session.ListTools(ctx, nil)
	if err != nil {
		first.Errors = []string{err.Error()}
	} else {
		for _, each := range tools.Tools {
			first.Tools = append(first.Tools, each.Name)
		}
	}
	say(first)
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		tool, times := "", 0
		fmt.Sscan(lines.Text(), &tool, &times)
		say(calls(ctx, session, &progress, tool, times))
	}
	check(session.Close())
}

// calls calls a tool several times at once.
func calls(ctx context.Context, session *mcp.ClientSession, progress *atomic.Int32, tool string, times int) said {
	before := progress.Load()
	var mu sync.Mutex
	var all sync.WaitGroup
	var done said
	for i := range times {
		all.Go(func() {
			params := &mcp.CallToolParams{Name: tool, Arguments: numbers{i, 1}}
			if tool == "roots" {
				params.Arguments = struct{}{}
			}
			params.SetProgressToken(i)
			result, err := session.CallTool(ctx, params)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err != nil:
				done.Errors = append(done.Errors, err.Error())
			case result.IsError:
				text, _ := json.Marshal(result.Content)
				done.Errors = append(done.Errors, string(text))
			default:
				var s sum
				text, _ := json.Marshal(result.StructuredContent)
				json.Unmarshal(text, &s)
				done.Sums = append(done.Sums, s.Sum)
			}
		})
	}
	all.Wait()
	time.Sleep(50 * time.Millisecond) // the SDK hands notifications on beside the answers
	done.Progress = int(progress.Load() - before)
	return done
}

func say(s said) {
	line, err := json.Marshal(s)
	check(err)
	fmt.Println(strings.TrimSpace(string(line)))
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
