package appserver

import "golang.org/x/sys/unix"

// operatingSystem is the name and version that the system gives itself: the product's
// version, as sw_vers(1) prints it, and not the kernel's.
func operatingSystem() string {
	version, _ := unix.Sysctl("kern.osproductversion")
	return "Mac OS " + semantic(version)
}
