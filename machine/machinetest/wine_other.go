//go:build !windows

package machinetest

func underWine() bool { return false }
