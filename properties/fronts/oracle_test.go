package fronts

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"unicode/utf8"
)

// meaning is what a line is, found out with encoding/json: beside the scanner that the front
// reads lines with.
type meaning struct {
	kind   string // "request", "notification", "answer", or "" for no message
	id     string // as it stands on the line; an integer in its one spelling
	name   string // the text of an id that is a string
	method string
	params json.RawMessage
}

// meaningOf is what a line without its newline is.
func meaningOf(line []byte) meaning {
	members, ok := membersOf(bytes.TrimRight(line, "\r\n"))
	if !ok {
		return meaning{}
	}
	var m meaning
	if id, ok := members["id"]; ok && !m.readID(id) {
		return meaning{}
	}
	method, hasMethod := members["method"]
	result, hasResult := members["result"]
	failure, hasFailure := members["error"]
	hasFailure = hasFailure && string(failure) != "null"
	switch {
	case hasMethod:
		if method[0] != '"' || json.Unmarshal(method, &m.method) != nil {
			return meaning{}
		}
		m.kind, m.params = "notification", members["params"]
		if m.id != "" {
			m.kind = "request"
		}
	case m.id != "" && hasFailure:
		var of struct {
			Code    int
			Message string
		}
		if json.Unmarshal(failure, &of) != nil {
			return meaning{}
		}
		m.kind = "answer"
	case m.id != "" && hasResult && len(result) > 0:
		m.kind = "answer"
	}
	return m
}

func (m *meaning) readID(value json.RawMessage) bool {
	if value[0] == '"' {
		m.id = string(value)
		return json.Unmarshal(value, &m.name) == nil
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	m.id = strconv.FormatInt(n, 10)
	return err == nil
}

// membersOf are the members of a line that is one JSON object. false if it is none, or if a
// member that counts occurs twice.
func membersOf(line []byte) (map[string]json.RawMessage, bool) {
	if !utf8.Valid(line) || !json.Valid(line) {
		return nil, false
	}
	d := json.NewDecoder(bytes.NewReader(line))
	if begin, err := d.Token(); err != nil || begin != json.Delim('{') {
		return nil, false
	}
	members := map[string]json.RawMessage{}
	for d.More() {
		name, err := d.Token()
		var value json.RawMessage
		if err != nil || d.Decode(&value) != nil {
			return nil, false
		}
		_, isTwice := members[name.(string)]
		if isTwice && strings.Contains(" id method params result error ", " "+name.(string)+" ") {
			return nil, false
		}
		members[name.(string)] = value
	}
	return members, true
}

// Methods that the child never sees, and those whose outcome depends on the login.
var (
	answeredHere = map[string]bool{
		"initialize": true, "getAuthStatus": true, "account/read": true, "account/login/start": true, "account/login/cancel": true,
		"account/logout": true, "account/health/read": true, "accountSession/list": true, "accountSession/switch": true,
		"account/bedrock/setup": true, "account/gcp/setup": true, "remoteControl/enable": true, "remoteControl/pairing/start": true,
		"remoteControl/pairing/status": true, "remoteControl/client/list": true, "remoteControl/client/revoke": true,
	}
	changesLogin = map[string]bool{"account/login/start": true, "account/logout": true}
	needsLogin   = map[string]bool{
		"turn/start": true, "review/start": true, "thread/compact/start": true, "thread/sample": true, "thread/prediction/request": true,
		"thread/guardianReview": true, "thread/realtime/start": true, "thread/queue/add": true, "thread/queue/start": true,
	}
)
