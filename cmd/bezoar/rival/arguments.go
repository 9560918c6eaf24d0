package rival

import (
	"bytes"
	"encoding/binary"
	"strings"
)

// apart cuts the answer to the sysctl kern.procargs2 of macOS: the number of words, the
// path of the program with NULs behind it, the words, the variables.
func apart(block []byte) (words, variables []string) {
	if len(block) < 4 {
		return nil, nil
	}
	count := int(binary.NativeEndian.Uint32(block))
	path, rest, _ := bytes.Cut(block[4:], []byte{0})
	if len(path) == 0 {
		return nil, nil
	}
	texts := strings.Split(string(bytes.TrimLeft(rest, "\x00")), "\x00")
	if count > len(texts) {
		return nil, nil
	}
	return texts[:count], texts[count:]
}
