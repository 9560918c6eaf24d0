//go:build !linux && !darwin && !windows

package appserver

// operatingSystem is the name of the system, which tells its version in no common way.
func operatingSystem() string { return platformOS() + " " + semantic("") }
