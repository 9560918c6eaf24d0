package front

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInitializeIsAnsweredByTheChild(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		require.Equal(t, []string{"initialize", "account/read", "account/login/start"}, s.child.Methods())
		require.Equal(t, has("a"), s.child.Login())
		require.JSONEq(t, `{"id":"front/0","method":"initialize","params":{"clientInfo":{"name":"editor","version":"9"},
			"capabilities":{"experimentalApi":true,"optOutNotificationMethods":["account/health/updated","account/updated","account/login/completed"]}}}`, s.child.Lines()[0])
	})
}

func TestARequestPassesAsBytesAndItsAnswerToo(t *testing.T) {
	inBubble(t, tokens("a", "r"), nil, func(t *testing.T, s *site) {
		line := `{"method" : "no/such",  "id":"x\u0031","params":{"b":1, "a":[]}, "trace":null}`
		require.Equal(t, []string{`{"id":"x\u0031","result":{"of":"no/such","params":{"b":1, "a":[]}}}`}, s.ask(line))
		require.Equal(t, line, s.child.Lines()[3])
	})
}
