//go:build !unix

package file

// canMakeFile cannot tell here without a try.
func canMakeFile(string) error { return nil }
