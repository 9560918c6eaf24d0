package server

import (
	"errors"
	"fmt"
	"net"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHangUpIsNoOtherError(t *testing.T) {
	gone, other := fmt.Errorf("write output: %w", net.ErrClosed), errors.New("the backend has ended")
	require.True(t, isHangUp(gone))
	require.True(t, isHangUp(errors.Join(gone, errors.Join(gone))))
	require.False(t, isHangUp(other))
	require.False(t, isHangUp(errors.Join(gone, other)))
}
