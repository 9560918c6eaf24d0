package legible

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestInvisibleCharactersAreBlanks(t *testing.T) {
	for _, hidden := range []string{
		"\x00", "\a", "\b", "\x1b", "\r", "\n", "\t", "\x7f", "\u0085", "\u009b", // controls
		"\u202e", "\u2066", "\u200f", "\u061c", // direction
		"\u200b", "\u200d", "\ufeff", "\u2060", "\u00ad", // no width
		"\u2028", "\u2029", "\u00a0", "\u3000", "\U000e0041", "\ue000", "\xff", "\ufffd",
	} {
		require.Equal(t, "a b", Line("a"+hidden+"b"), "%q", hidden)
		require.Equal(t, "a_b", Map("a"+hidden+"b", '_'))
	}
	const seen = "naïve 日本語 Ünïcode 👍 a-b_c!"
	require.Equal(t, seen, Line(seen))
}

func TestTextIsCutOffByCharacters(t *testing.T) {
	limit := strings.Repeat("é", briefRunes)
	require.Equal(t, limit, Brief(limit))
	require.Equal(t, limit+"…", Brief(limit+"é"))
	require.Equal(t, strings.Repeat(" ", briefRunes)+"…", Brief(strings.Repeat("\n", briefRunes+1)))
}

func TestJSONIsEscapedAndMeansTheSame(t *testing.T) {
	const hidden = "\x7f\u009b\u202e\u200b\U000e0041 日本語 👍\n"
	text, err := json.Marshal(hidden)
	require.NoError(t, err)
	safe := JSON(text)
	require.Equal(t, `"\u007f\u009b\u202e\u200b\udb40\udc41 日本語 👍\n"`, string(safe))
	var read string
	require.NoError(t, json.Unmarshal(safe, &read))
	require.Equal(t, hidden, read)
}
