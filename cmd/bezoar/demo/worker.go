package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

// worker is a client that asks the model, through a codex behind bezoar.
type worker struct {
	*editor
	thread string
	ends   chan turnEnd
}

// turnEnd is how a turn ended, as the codex says it.
type turnEnd struct {
	ID     string
	Status string
	Error  *struct{ Message string }
}

// turnError says why a turn was not completed.
type turnError struct{ message string }

func (e *turnError) Error() string { return e.message }

// addWorker starts a server with a codex, and a thread.
func (d *day) addWorker(ctx context.Context) error {
	w := &worker{ends: make(chan turnEnd, 1)}
	var err error
	if w.editor, err = newEditor(d.home, d.environment, w, "--backend", d.backend); err != nil {
		return err
	}
	d.clients = append(d.clients, w)
	if err := w.initialize(ctx, protocol.ClientInfo{Name: "bezoar-demo", Version: d.env.Version}); err != nil {
		return err
	}
	var started struct{ Thread struct{ ID string } }
	if err := w.call(ctx, "thread/start", struct{}{}, &started); err != nil {
		return err
	}
	w.thread = started.Thread.ID
	return nil
}

// turn asks the model, and waits for the end. A turn that was refused or failed is a
// *[turnError].
func (w *worker) turn(ctx context.Context) error {
	var begun struct{ Turn struct{ ID string } }
	err := w.call(ctx, "turn/start", map[string]any{
		"threadId": w.thread, "input": []any{map[string]any{"type": "text", "text": "hello", "text_elements": []any{}}},
	}, &begun)
	if refused, isRefused := errors.AsType[*jsonrpc.Error](err); isRefused {
		return &turnError{refused.Message}
	}
	if err != nil {
		return err
	}
	for {
		select {
		case end := <-w.ends:
			if end.ID == begun.Turn.ID {
				return end.err()
			}
		case <-ctx.Done():
			return fmt.Errorf("turn/completed: %w", ctx.Err())
		}
	}
}

func (e turnEnd) err() error {
	switch {
	case e.Status == "completed":
		return nil
	case e.Error == nil:
		return &turnError{"the turn ended as " + e.Status}
	}
	return &turnError{e.Error.Message}
}

// Request ignores requests: the codex is configured not to ask.
func (w *worker) Request(jsonrpc.Request) {}

// Notification takes the end of a turn.
func (w *worker) Notification(n jsonrpc.Notification) {
	var completed struct{ Turn turnEnd }
	if n.Method == "turn/completed" && json.Unmarshal(n.Params, &completed) == nil {
		w.ends <- completed.Turn
	}
}
