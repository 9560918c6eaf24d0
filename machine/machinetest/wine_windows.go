package machinetest

import "syscall"

// underWine reports whether Wine is the Windows that this runs on. It is the one that
// has this function: https://gitlab.winehq.org/wine/wine/-/wikis/Developer-FAQ says so.
func underWine() bool {
	return syscall.NewLazyDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}
