package record

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestAnObjectComesApartAsItWasSpelled(t *testing.T) {
	o, err := Parse([]byte(` {"a" : [ 1 , 2],"\u0062":null	,"a":{"c":1.0}}`))
	require.NoError(t, err)
	require.Equal(t, Object{
		{name: "a", quoted: []byte(`"a"`), value: []byte(`[ 1 , 2]`)},
		{name: "b", quoted: []byte(`"\u0062"`), value: []byte(`null`)},
		{name: "a", quoted: []byte(`"a"`), value: []byte(`{"c":1.0}`)},
	}, o)
	require.Equal(t, "{\n  \"a\": [ 1 , 2],\n  \"\\u0062\": null,\n  \"a\": {\"c\":1.0}\n}", string(o.Indented("")))
	require.Equal(t, o[1:2], o.Without("a"))
}

func TestAMemberIsFoundOnceOrNotTaken(t *testing.T) {
	o, err := Parse([]byte(`{"null": null, "one": 1, "One": 2, "two": 1, "two": null}`))
	require.NoError(t, err)
	for name, want := range map[string]string{"missing": "", "null": "", "one": "1", "One": "2"} {
		value, once := o.Unique(name)
		require.True(t, once, name)
		require.Equal(t, want, string(value), name)
	}
	_, once := o.Unique("two")
	require.False(t, once)
}

func TestEveryTextComesBackFromItsSpelling(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		back, ok := Unquote(Text(s))
		require.True(t, ok)
		require.Equal(t, s, back)
	})
}

func TestATextThatUnicodeHasNoCharactersForIsNone(t *testing.T) {
	for _, spelled := range []string{`"\ud800"`, `"\udc00\ud800"`, `"\ufffd\ud800"`, `"\uD800x"`, `1`, `null2`, `["a"]`} {
		_, ok := Unquote([]byte(spelled))
		require.False(t, ok, spelled)
	}
}

// A stranger of a thousand levels would be a thousand times longer if it were
// laid out anew, and push the login over the limit.
func TestADeepStrangerDoesNotGrow(t *testing.T) {
	deep := strings.Repeat("[", 9000) + strings.Repeat("]", 9000)
	o, err := Parse([]byte(`{"deep":` + deep + `}`))
	require.NoError(t, err)
	require.Less(t, len(o.Indented("")), len(deep)+50)
}
