package loopback

import (
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestKnownConnectionsCountToTheLimit(t *testing.T) {
	p := NewConnections(1)
	known, unknown := &closable{}, &closable{}
	p.Changed(known, http.StateNew)
	p.keep(known)
	p.Changed(unknown, http.StateNew)
	require.True(t, unknown.closed)
	require.False(t, known.closed)
	p.Changed(known, http.StateClosed)
	p.Changed(&closable{}, http.StateNew)
	require.Len(t, p.unknown, 1)
}

// closable is a connection that knows whether it was closed.
type closable struct {
	net.Conn
	closed bool
}

func (c *closable) Close() error {
	c.closed = true
	return nil
}
