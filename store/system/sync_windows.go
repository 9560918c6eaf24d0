package system

import "os"

// Sync is FlushFileBuffers.
func (here) Sync(file *os.File) error { return file.Sync() }

// SyncFolder has nothing to do: a folder cannot be synced.
func (here) SyncFolder(string) error { return nil }
