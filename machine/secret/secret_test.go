package secret_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

const sentinel = "S3NT1NEL-value"

type holder struct {
	Shown  secret.Token
	hidden secret.Token
}

func TestTokenIsNeverPrintedWhateverTheVerbAndWhereverItSits(t *testing.T) {
	token := secret.New(sentinel)
	inside := holder{Shown: token, hidden: token}
	values := []any{token, &token, inside, &inside, []secret.Token{token}, map[string]secret.Token{"k": token}, fmt.Errorf("wrapped: %v", token)}
	var out bytes.Buffer
	for _, value := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%T", "%10.3v"} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
		slog.New(slog.NewTextHandler(&out, nil)).Info("text", "value", value)
		slog.New(slog.NewJSONHandler(&out, nil)).Info("json", "value", value)
		encoded, err := json.Marshal(value)
		require.NoError(t, err)
		out.Write(encoded)
	}
	encoded, err := json.Marshal(map[secret.Token]int{token: 1})
	require.NoError(t, err)
	out.Write(encoded)

	require.Equal(t, sentinel, token.Reveal())
	for _, form := range []string{sentinel, fmt.Sprintf("%x", sentinel), fmt.Sprintf("%X", sentinel), fmt.Sprint([]byte(sentinel))} {
		require.False(t, strings.Contains(out.String(), form), "a secret was printed as %q", form)
	}
}

func TestAbsentAndEmptyTokensDiffer(t *testing.T) {
	var absent secret.Token
	empty := secret.New("")
	require.True(t, absent.IsAbsent())
	require.False(t, empty.IsAbsent())
	require.True(t, absent.IsEmpty())
	require.True(t, empty.IsEmpty())
	require.False(t, absent.Equal(empty))
	require.True(t, absent.Equal(secret.Token{}))
	require.Empty(t, absent.Fingerprint())
	require.Empty(t, empty.Fingerprint())
	require.Equal(t, "", absent.Reveal())
}

func TestFingerprintNamesTheTextAndItsContext(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, other := rapid.StringN(1, 20, -1).Draw(t, "text"), rapid.StringN(1, 20, -1).Draw(t, "other")
		a, b := secret.New(text), secret.New(other)
		require.Equal(t, text == other, a.Equal(b))
		require.Equal(t, text == other, a.Fingerprint() == b.Fingerprint())
		require.Equal(t, a.Bind("x", "y"), secret.New(text).Bind("x", "y"))
		require.NotEqual(t, a.Bind("xy", ""), a.Bind("x", "y"))
		require.Len(t, a.Fingerprint().Short(), 8)
	})
}
