package system

import (
	"os"

	"golang.org/x/sys/windows/registry"
)

// PIDNamespace is one installation of Windows: MachineGuid, which setup makes, and the name
// of the machine, because copies of a virtual one may have the same. It need not tell one
// boot from another: when a process was created is a date, so that no process after a restart
// is taken for one before it.
func (here) PIDNamespace() string {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Microsoft\Cryptography`, registry.QUERY_VALUE|registry.WOW64_64KEY)
	if err != nil {
		return ""
	}
	defer key.Close()
	machine, _, err := key.GetStringValue("MachineGuid")
	host, unnamed := os.Hostname()
	if err != nil || unnamed != nil {
		return ""
	}
	return machine + " " + host
}
