package system

import (
	"encoding/hex"

	"golang.org/x/sys/unix"
)

// PIDNamespace relies on the sysctl kern.boot_id, 16 bytes which the kernel draws at each
// start (FreeBSD 13, sys/kern/kern_mib.c). kern.boottime of sysctl(3) moves when the clock is
// set. All processes of a machine share their numbers, but one in a jail (jail(8)) sees none
// outside of it, and cannot tell its jail from another one: it has no namespace.
func (here) PIDNamespace() string {
	jailed, err := unix.SysctlUint32("security.jail.jailed")
	if err != nil || jailed != 0 {
		return ""
	}
	boot, err := unix.SysctlRaw("kern.boot_id")
	if err != nil || len(boot) != 16 {
		return ""
	}
	return hex.EncodeToString(boot)
}
