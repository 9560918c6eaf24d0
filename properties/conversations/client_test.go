package conversations

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/properties/programtest"
)

// question is a client's request, on the wire.
func (c *conversation) question(words []string) (method string, params any, err error) {
	has := func(word string) bool { return strings.Contains(" "+strings.Join(words[1:], " ")+" ", " "+word+" ") }
	switch words[0] {
	case "status":
		return "getAuthStatus", map[string]bool{"includeToken": has("token"), "refreshToken": has("refresh")}, nil
	case "account":
		return "account/read", map[string]bool{"refreshToken": has("refresh")}, nil
	case "login":
		c.remember(words[1])
		return "account/login/start", map[string]string{"type": "apiKey", "apiKey": words[1]}, nil
	case "logout":
		return "account/logout", nil, nil
	case "limits":
		return "account/rateLimits/read", nil, nil
	case "health":
		return "account/health/read", nil, nil
	case "browser-login", "device-login", "cancel":
		return c.loginQuestion(words)
	case "external":
		c.remember(words[1])
		return "account/login/start", map[string]string{"type": "chatgptAuthTokens", "accessToken": words[1], "chatgptAccountId": words[2]}, nil
	}
	return "", nil, fmt.Errorf("no request is called %q", words[0])
}

func (c *conversation) lineOf(id int, words []string) (string, error) {
	method, params, err := c.question(words)
	if err != nil {
		return "", err
	}
	line, err := json.Marshal(map[string]any{"id": id, "method": method, "params": params})
	return string(line) + "\n", err
}

// labelOf takes a label off the front of words.
func labelOf(words []string) (label string, rest []string) {
	if label, ok := strings.CutSuffix(words[0], ":"); ok {
		return label, words[1:]
	}
	return "", words
}

func (c *conversation) ask(args []string) error {
	label, words := labelOf(args)
	c.at.lastID++
	line, err := c.lineOf(c.at.lastID, words)
	if err != nil {
		return err
	}
	if label == "" {
		c.at.asked = append(c.at.asked, c.at.lastID)
	} else {
		c.at.labels[label] = c.at.lastID
	}
	return c.at.write(line)
}

func (c *conversation) answer(args []string) error {
	label, words := labelOf(args)
	id, ok := c.at.labels[label]
	if label == "" {
		if len(c.at.asked) == 0 {
			return errors.New("nothing was asked")
		}
		id, ok = c.at.asked[0], true
		c.at.asked = c.at.asked[1:]
	}
	if !ok {
		return fmt.Errorf("nothing was asked as %s", label)
	}
	delete(c.at.labels, label)
	line, err := c.at.AnswerTo(id)
	if err != nil {
		return fmt.Errorf("question %d: %w", id, err)
	}
	c.person.noteLogin(line)
	return matches(answerOf(id, words), line)
}

// answerOf is what an answer is on the wire.
func answerOf(id int, words []string) string {
	rest := strings.Join(words[1:], " ")
	number := strconv.Itoa(id)
	switch {
	case words[0] == "error":
		return `{"id":` + number + `,"error":{"code":-32600,"message":` + quoted(rest) + `}}`
	case words[0] == "failure":
		return `{"id":` + number + `,"error":{"code":-32603,"message":` + quoted(rest) + `}}`
	case strings.HasPrefix(words[0], "{"):
		return `{"id":` + number + `,"result":` + strings.Join(words, " ") + `}`
	}
	return `{"id":` + number + `,"result":{"authMethod":` + orNull(words[0]) +
		`,"authToken":` + orNull(rest) + `,"requiresOpenaiAuth":true}}`
}

// orNull is a word as JSON; "none" is null.
func orNull(word string) string {
	if word == "none" {
		return "null"
	}
	return quoted(word)
}

func quoted(text string) string {
	encoded, _ := json.Marshal(text) // a string can always be encoded
	return string(encoded)
}

// unanswered lets the server come to everything that was said, and demands that
// a question still has no answer.
func (c *conversation) unanswered(args []string) error {
	label, _ := labelOf(args)
	passed, err := c.at.Overhear()
	c.at.PutBack(passed)
	for _, line := range passed {
		if programtest.IDOf(line) == strconv.Itoa(c.at.labels[label]) {
			return fmt.Errorf("%s is answered: %s", label, line)
		}
	}
	return err
}

// stormSize is how many questions are asked; of very many a tenth without BEZOAR_TEST_LONG, which
// still is more than any queue or pipe holds.
func stormSize(text string) (int, error) {
	count, err := strconv.Atoi(text)
	if count > 10_000 && !machinetest.Long() {
		count /= 10
	}
	return count, err
}

func (c *conversation) storm(args []string) error {
	count, err := stormSize(args[0])
	if err != nil {
		return err
	}
	var lines strings.Builder
	for range count {
		c.at.lastID++
		line, err := c.lineOf(c.at.lastID, args[1:])
		if err != nil {
			return err
		}
		lines.WriteString(line)
	}
	return c.at.write(lines.String())
}

func (c *conversation) listens(args []string) error {
	if args[0] == "no" {
		c.at.Deafen()
	} else {
		c.at.Listen()
	}
	return nil
}

// stormAnswers demands one answer to each of the last N questions, and the same.
func (c *conversation) stormAnswers(args []string) error {
	count, err := stormSize(args[0])
	if err != nil {
		return err
	}
	missing := map[string]bool{}
	for id := c.at.lastID - count + 1; id <= c.at.lastID; id++ {
		missing[strconv.Itoa(id)] = true
	}
	for len(missing) > 0 {
		line, err := c.at.Next()
		if err != nil {
			return fmt.Errorf("%d questions: %w", len(missing), err)
		}
		id := programtest.IDOf(line)
		number, _ := strconv.Atoi(id) // one that is none is not missing
		if !missing[id] {
			return fmt.Errorf("not asked for, or answered twice: %s", line)
		}
		delete(missing, id)
		if err := matches(answerOf(number, args[1:]), line); err != nil {
			return err
		}
	}
	return c.hears([]string{"nothing"})
}

func (c *conversation) send(args []string) error {
	return c.at.write(strings.Join(args, " ") + "\n")
}

func (c *conversation) sendBytes(args []string) error {
	text, err := strconv.Unquote(strings.Join(args, " "))
	if err != nil {
		return err
	}
	return c.at.write(text)
}

func (c *conversation) hears(args []string) error {
	if args[0] == "nothing" {
		passed, err := c.at.Overhear()
		if len(passed) > 0 {
			return fmt.Errorf("the server says %s", passed)
		}
		return err
	}
	line, err := c.at.Next()
	if err != nil {
		return err
	}
	return matches(strings.Join(args, " "), line)
}
