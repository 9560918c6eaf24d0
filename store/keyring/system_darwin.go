package keyring

// systemRing is the keyring of the user who runs this process, and how many bytes an item
// of it takes.
func systemRing() (ring Ring, limitBytes int) {
	return keychain{security: securityProgram("/usr/bin/security")}, keychainLimitBytes
}
