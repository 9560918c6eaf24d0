//go:build unix

package disk

import "syscall"

// NonBlocking lets nobody wait for the other end of a pipe.
const NonBlocking = syscall.O_NONBLOCK | syscall.O_NOCTTY
