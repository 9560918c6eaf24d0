package browser

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestBrowserNeedsADisplay(t *testing.T) {
	nothing := func(string) string { return "" }
	display := func(name string) string { return map[string]string{"DISPLAY": ":0"}[name] }
	require.Nil(t, commandFor("linux", nothing), "xdg-open would take over the terminal")
	require.Equal(t, []string{"xdg-open"}, commandFor("linux", display))
	require.Equal(t, []string{"open"}, commandFor("darwin", nothing))
	require.Equal(t, "rundll32", commandFor("windows", nothing)[0])
}
