//go:build !unix

package processes

import "os"

const canStop = false // no signal stops a process here

func stand() {}

func stop(*os.Process) error { return os.ErrInvalid }

func awaitStop(*os.Process) error { return os.ErrInvalid }

func letGoOn(*os.Process) error { return os.ErrInvalid }
