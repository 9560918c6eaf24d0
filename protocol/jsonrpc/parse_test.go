package jsonrpc

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseSaysWhatAConnectionWouldHand(t *testing.T) {
	m, err := Parse([]byte(`{"jsonrpc":"2.0","id":"a","method":"ping","params":{"n":1.0}}`))
	require.NoError(t, err)
	request := m.(Request)
	require.Equal(t, `"a" ping {"n":1.0}`, request.ID.String()+" "+request.Method+" "+string(request.Params))
	m, err = Parse([]byte(`{"method":"notifications/initialized"}`))
	require.NoError(t, err)
	require.Equal(t, "notifications/initialized", m.(Notification).Method)
	m, err = Parse([]byte(`{"id":7,"error":{"code":-1,"message":"no"}}`))
	require.NoError(t, err)
	require.Equal(t, -1, m.(Answer).Err.Code)
	for _, line := range []string{"", "[]", `{"id":1}`, `{"id":null,"result":1}`, "{", `{"id":1,"result":1}x`} {
		_, err := Parse([]byte(line))
		require.Error(t, err, line)
	}
}

func TestErrorsNameTheVersionOnlyIfAsked(t *testing.T) {
	for names, want := range map[bool]string{
		false: `{"error":{"code":-32603,"message":"no"},"id":1}`, true: `{"jsonrpc":"2.0","error":{"code":-32603,"message":"no"},"id":1}`,
	} {
		var out bytes.Buffer
		c := New(strings.NewReader(""), &out, Options{NamesVersion: names})
		c.ReplyError(ID{integer: 1}, &Error{Code: CodeInternal, Message: "no"})
		require.NoError(t, c.Close(context.Background()))
		require.Equal(t, want+"\n", out.String())
	}
}
