package live

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestNilServerShowsNothing(t *testing.T) {
	var none *Server
	require.Nil(t, none.Count(nil))
	require.Nil(t, none.Watch(nil))
	require.NotPanics(t, func() { none.Show(t.TempDir(), Options{}, nil) })
	require.NotPanics(t, none.Close)
}
