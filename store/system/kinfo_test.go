package system

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// rawKinfo is a struct kinfo_proc as a kernel of 64 bits has it: see sys/user.h.
func rawKinfo(seconds, micros uint64, status byte) []byte {
	raw := make([]byte, 0, kinfoBytes)
	raw = binary.NativeEndian.AppendUint32(raw, kinfoBytes) // ki_structsize
	raw = append(raw, make([]byte, 4+8*8)...)               // ki_layout, eight pointers
	raw = append(raw, make([]byte, 6*4+2+2+4)...)           // ki_pid to ki_tsid, ki_jobc, a spare one, ki_tdev
	raw = append(raw, make([]byte, 4*16)...)                // four sets of signals
	raw = append(raw, make([]byte, 5*4+2+2+16*4)...)        // users and groups
	raw = append(raw, make([]byte, 6*8)...)                 // sizes
	raw = append(raw, make([]byte, 2+2+5*4+8)...)           // ki_xstat to ki_runtime
	raw = binary.NativeEndian.AppendUint64(raw, seconds)    // ki_start
	raw = binary.NativeEndian.AppendUint64(raw, micros)
	raw = append(raw, make([]byte, 16+8+8+4)...) // ki_childtime, ki_flag, ki_kiflag, ki_traceflag
	raw = append(raw, status)                    // ki_stat
	return append(raw, make([]byte, kinfoBytes-len(raw))...)
}

func TestTheStartOfAProcessIsReadFromItsKinfo(t *testing.T) {
	found, ok := parseKinfo(rawKinfo(1_800_000_000, 250_000, kinfoZombie))
	require.True(t, ok)
	require.Equal(t, kinfo{start: 1_800_000_000_250_000, status: kinfoZombie}, found)
	require.Equal(t, "60250000", found.sinceBoot(1_799_999_940_000_000))
}

// The numbers are those of sys/proc.h: SRUN is 2, SSLEEP 3, SSTOP 4, SZOMB 5.
func TestTheStateOfAProcessIsReadFromItsKinfo(t *testing.T) {
	for status, is := range map[byte]struct{ stopped, ended bool }{2: {}, 3: {}, 4: {stopped: true}, 5: {ended: true}} {
		found, ok := parseKinfo(rawKinfo(1_800_000_000, 0, status))
		require.True(t, ok)
		require.Equal(t, is.stopped, found.status == kinfoStopped, status)
		require.Equal(t, is.ended, found.status == kinfoZombie, status)
	}
}

func TestTheStartOfAProcessStaysWhenTheClockIsSet(t *testing.T) {
	const hour = 3600
	before, _ := parseKinfo(rawKinfo(1_800_000_000, 1, 0))
	after, _ := parseKinfo(rawKinfo(1_800_000_000+hour, 1, 0))
	require.Equal(t, before.sinceBoot(1_799_000_000_000_000), after.sinceBoot((1_799_000_000+hour)*1e6))
}

func TestAKinfoThatIsNoneSaysNothing(t *testing.T) {
	whole := rawKinfo(1_800_000_000, 0, 0)
	for _, raw := range [][]byte{nil, whole[:768], make([]byte, kinfoBytes), append(whole, 0)} {
		_, ok := parseKinfo(raw)
		require.False(t, ok)
	}
	unknown, _ := parseKinfo(rawKinfo(0, 0, 0))
	require.Empty(t, unknown.sinceBoot(1_799_000_000_000_000), "it has left its start out")
}
