package system

import (
	"os"
	"strings"
)

// PIDNamespace relies on boot_id (random(4)), which each boot makes anew, and on
// namespaces(7): two processes whose links are equal are in one namespace.
func (here) PIDNamespace() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(boot)) + " " + namespace
}
