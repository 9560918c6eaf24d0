package appserver

import (
	"fmt"

	"golang.org/x/sys/windows"
)

// operatingSystem is the name and version that the system gives itself: RtlGetVersion
// tells every program the true one ("RtlGetVersion function").
func operatingSystem() string {
	v := windows.RtlGetVersion()
	return fmt.Sprintf("Windows %d.%d.%d", v.MajorVersion, v.MinorVersion, v.BuildNumber)
}
