package system

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// What Windows refuses to fill in, Wine fills in: so no other test notices.
func TestWhatTheSystemFillsInLiesWhereItMust(t *testing.T) {
	largeInteger := unsafe.Alignof(int64(0))
	require.Equal(t, largeInteger, unsafe.Alignof(basicInfo{}))
	require.Equal(t, largeInteger, unsafe.Alignof(standardInfo{}))
	require.EqualValues(t, 40, unsafe.Sizeof(basicInfo{}))
	require.EqualValues(t, 24, unsafe.Sizeof(standardInfo{}))
}
