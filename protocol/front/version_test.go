package front

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersionIsTheOneInTheUserAgent(t *testing.T) {
	for agent, want := range map[string]string{
		"editor/0.171.0 (Debian 12.0.0; x86_64) xterm (editor; 9)":     "0.171.0",
		"my/editor/0.172.0-alpha.1 (Debian 12.0.0) x (my/editor; 9.1)": "0.172.0-alpha.1",
		"editor": "",
		"":       "",
	} {
		var known string
		f := &Front{o: Options{Known: func(version string) { known = version }}}
		f.learnVersion(encode(map[string]any{"userAgent": agent}))
		require.Equal(t, want, known, agent)
	}
	new(Front).learnVersion(json.RawMessage(`{}`))
}
