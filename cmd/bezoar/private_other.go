//go:build !linux

package main

// keepMemoryPrivate keeps the tokens in this process's memory out of core dumps,
// where there are some. Another process of the same user can still read it.
func keepMemoryPrivate() { leaveNoCore() }
