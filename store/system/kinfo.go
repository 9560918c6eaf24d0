package system

import (
	"encoding/binary"
	"strconv"
)

// kinfo is what FreeBSD says of a process, of its struct kinfo_proc (sys/user.h). The file
// has no system in its name so that its test runs on each one.
type kinfo struct {
	start  int64 // microseconds since 1970, as the clock of now has it
	status byte
}

// What ki_stat says, from sys/proc.h.
const (
	kinfoStopped = 4 // SSTOP
	kinfoZombie  = 5 // SZOMB
)

// Where struct kinfo_proc has its fields on a processor of 64 bits. They stay there: new
// fields take the place of spare ones.
const (
	kinfoBytes    = 1088 // KINFO_PROC_SIZE, also in ki_structsize
	kinfoStartAt  = 336  // ki_start, a timeval of two numbers of 64 bits
	kinfoStatusAt = 388  // ki_stat
)

// parseKinfo reads one struct kinfo_proc. It does not know that of a processor of 32 bits.
func parseKinfo(raw []byte) (kinfo, bool) {
	if len(raw) != kinfoBytes || binary.NativeEndian.Uint32(raw) != kinfoBytes {
		return kinfo{}, false
	}
	seconds := int64(binary.NativeEndian.Uint64(raw[kinfoStartAt:]))
	micros := int64(binary.NativeEndian.Uint64(raw[kinfoStartAt+8:]))
	return kinfo{start: seconds*1e6 + micros, status: raw[kinfoStatusAt]}, true
}

// sinceBoot tells the start in a way that stays what it is when the clock is set: the kernel
// keeps it as the time since the boot, and adds the time of the boot (kern.boottime), which
// it moves with the clock (fill_kinfo_proc_only in kern_proc.c, tc_setclock in kern_tc.c). It
// is "" for a process that does not say its start.
func (k kinfo) sinceBoot(bootMicros int64) string {
	if k.start < bootMicros {
		return ""
	}
	return strconv.FormatInt(k.start-bootMicros, 10)
}
