package scripted

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"

	"github.com/bezoar-auth/bezoar/protocol/oauth/issuer"
)

// Hello is what the model says if a script does not say otherwise.
const Hello = "hello from the model"

// Step says how the model answers one request that it accepts. The zero Step says [Hello].
type Step struct {
	// Status, if not 0, is an error instead of an answer, with Header.
	Status int
	Header http.Header

	Text   string // what the model says
	Pieces int    // the text comes in so many pieces, each of them the whole text; 0 for none
	// Command, if not "", is a shell command that the model wants to run outside the sandbox:
	// a codex asks its client for approval. The next request brings the output.
	Command string
	Tool    string // that runs it; exec_command

	Before issuer.Pause // before the answer begins
	Within issuer.Pause // after its first event
	Drop   bool         // the connection breaks after the first event
}

// turn answers a request to the model, which is accepted (Responses API, server-sent events).
func (s *Service) turn(w http.ResponseWriter, r *http.Request, record *Request) {
	_, _ = io.Copy(io.Discard, r.Body) // what is asked does not matter
	step := s.nextStep()
	if step.Status != 0 {
		s.decide(record, step.Status)
		maps.Copy(w.Header(), step.Header)
		writeJSON(w, step.Status, problem(http.StatusText(step.Status)))
		return
	}
	s.decide(record, http.StatusOK)
	if !step.Before.Wait(r.Context()) {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "text/event-stream")
	stream := stream{w, http.NewResponseController(w)}
	id := rand.Text()
	stream.send(map[string]any{"type": "response.created", "response": map[string]string{"id": id}})
	if !step.Within.Wait(r.Context()) || step.Drop {
		panic(http.ErrAbortHandler)
	}
	step.send(stream, id)
	stream.send(map[string]any{"type": "response.completed", "response": map[string]any{"id": id, "usage": map[string]any{
		"input_tokens": 10, "input_tokens_details": nil, "output_tokens": 5, "output_tokens_details": nil, "total_tokens": 15,
	}}})
}

// send sends the one item of an answer.
func (s Step) send(to stream, id string) {
	item := s.message("msg_" + id)
	if s.Command != "" {
		item = s.call("call_" + id)
	}
	if s.Pieces > 0 {
		to.send(map[string]any{"type": "response.output_item.added", "item": item})
	}
	for range s.Pieces {
		to.send(map[string]any{"type": "response.output_text.delta", "item_id": item["id"], "delta": s.text()})
	}
	to.send(map[string]any{"type": "response.output_item.done", "item": item})
}

func (s Step) text() string {
	if s.Text == "" {
		return Hello
	}
	return s.Text
}

func (s Step) message(id string) map[string]any {
	return map[string]any{
		"type": "message", "role": "assistant", "id": id,
		"content": []any{map[string]string{"type": "output_text", "text": s.text()}},
	}
}

func (s Step) call(id string) map[string]any {
	tool := s.Tool
	if tool == "" {
		tool = "exec_command"
	}
	arguments, _ := json.Marshal(map[string]string{ // strings alone
		"cmd": s.Command, "sandbox_permissions": "require_escalated", "justification": "a script wants it",
	})
	return map[string]any{"type": "function_call", "call_id": id, "name": tool, "arguments": string(arguments)}
}

// stream is the body of an answer.
type stream struct {
	to      io.Writer
	control *http.ResponseController
}

// send sends an event at once. A client that has gone is no concern of a server.
func (s stream) send(event map[string]any) {
	encoded, _ := json.Marshal(event) // texts and numbers
	fmt.Fprintf(s.to, "event: %s\ndata: %s\n\n", event["type"], encoded)
	_ = s.control.Flush()
}
