package codextest

import "encoding/json"

// Turn is how a turn ended.
type Turn struct {
	ID     string
	Status string // completed, failed or interrupted
	Error  string // "" for none
	Text   string // what the model said last, "" for nothing
}

// Initialize opens the conversation.
func (c *Client) Initialize() {
	c.t.Helper()
	c.Call("initialize", map[string]any{"clientInfo": map[string]string{"name": "codextest", "version": "1.0"}}, nil)
	c.Notify("initialized")
}

// StartThread starts a thread and returns its id.
func (c *Client) StartThread() (id string) {
	c.t.Helper()
	var started struct{ Thread struct{ ID string } }
	c.Call("thread/start", map[string]any{}, &started)
	return started.Thread.ID
}

// SendTurn sends a turn without waiting for its end; id is that of the request.
func (c *Client) SendTurn(thread string) (id int) {
	c.t.Helper()
	return c.Send("turn/start", map[string]any{
		"threadId": thread, "input": []any{map[string]any{"type": "text", "text": "hello", "text_elements": []any{}}},
	})
}

// Turn has a thread do a turn, and waits for its end.
func (c *Client) Turn(thread string) Turn {
	c.t.Helper()
	return c.EndOfTurn(c.SendTurn(thread))
}

// EndOfTurn waits for the end of the turn that a request began.
func (c *Client) EndOfTurn(request int) Turn {
	c.t.Helper()
	answer := c.Answer(request)
	var begun struct{ Turn struct{ ID string } }
	if answer.Error != nil || json.Unmarshal(answer.Result, &begun) != nil {
		c.t.Fatalf("no turn: %s", answer.Line)
	}
	ended := Turn{ID: begun.Turn.ID}
	c.Await("turn/completed", func(m Message) bool { return ended.isEndedBy(m) })
	for _, each := range c.Heard() {
		ended.learnText(each)
	}
	return ended
}

// isEndedBy reports whether a notification ends the turn, and learns how.
func (t *Turn) isEndedBy(m Message) bool {
	var completed struct {
		Turn struct {
			ID, Status string
			Error      *struct{ Message string }
		}
	}
	if json.Unmarshal(m.Params, &completed) != nil || completed.Turn.ID != t.ID {
		return false
	}
	t.Status = completed.Turn.Status
	if completed.Turn.Error != nil {
		t.Error = completed.Turn.Error.Message
	}
	return true
}

func (t *Turn) learnText(m Message) {
	var completed struct {
		TurnID string
		Item   struct{ Type, Text string }
	}
	if m.Method != "item/completed" || json.Unmarshal(m.Params, &completed) != nil {
		return
	}
	if completed.TurnID == t.ID && completed.Item.Type == "agentMessage" {
		t.Text = completed.Item.Text
	}
}
