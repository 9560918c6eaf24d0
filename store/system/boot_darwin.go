package system

import "golang.org/x/sys/unix"

// PIDNamespace relies on the sysctl kern.bootsessionuuid, which the kernel makes anew at each
// start (bsd/kern/kern_sysctl.c in xnu; no page has it). kern.boottime of sysctl(3) moves
// when the clock is set. All processes of a machine share their numbers.
func (here) PIDNamespace() string {
	boot, err := unix.Sysctl("kern.bootsessionuuid")
	if err != nil {
		return ""
	}
	return boot
}
