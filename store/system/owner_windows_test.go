package system

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// Wine keeps no access list of a file, so that this looks at what the system is asked for. P keeps
// out what a folder above hands down: homes may be anywhere.
func TestAnAccessListTakesNothingFromAbove(t *testing.T) {
	me, err := user()
	require.NoError(t, err)
	for inherits, list := range map[string]string{
		"":     "D:P(A;;FA;;;SY)(A;;FA;;;BA)(A;;FA;;;" + me.String() + ")",
		"OICI": "D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;" + me.String() + ")",
	} {
		security, err := forOwner(filepath.Join(t.TempDir(), "auth.json"), inherits)
		require.NoError(t, err)
		require.Equal(t, list, security.SecurityDescriptor.String())
	}
}
