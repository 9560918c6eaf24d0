//go:build !unix

package disk

// NonBlocking lets nobody wait for the other end of a pipe.
const NonBlocking = 0
