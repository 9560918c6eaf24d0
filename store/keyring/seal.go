package keyring

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/bezoar-auth/bezoar/machine/persist"
)

// pointer is the keyring's item for a login that is too long for it: the key of the
// file that has the login. Each login has a key and a file of its own, and the old
// file stays until the keyring has the new pointer: so one write in the keyring
// changes both, and a crash leaves the old login or the new one.
//
// The file is AES-256-GCM under a key that seals nothing else. Its associated data
// binds it to the home and to its generation: a file of another home, or an older one
// put in its place, does not open.
type pointer struct {
	Generation string `json:"generation"` // names the file: hexadecimal digits
	Key        []byte `json:"key"`
}

const (
	generationBytes = 16
	keyBytes        = 32
	sealedPrefix    = "auth.sealed." // of file names
	sealedMagic     = "bezoar sealed login 1\n"
)

func newPointer() pointer {
	random := make([]byte, generationBytes+keyBytes)
	rand.Read(random)
	return pointer{Generation: hex.EncodeToString(random[:generationBytes]), Key: random[generationBytes:]}
}

// sealedValue is how a pointer stands in the keyring. It is no login to a
// program that does not know it.
type sealedValue struct {
	Sealed *pointer `json:"sealed"`
}

func (p pointer) value() (string, error) {
	value, err := json.Marshal(sealedValue{&p})
	return string(value), err
}

// pointerOf reads a value of the keyring. It is nil if that is no pointer, and
// an [*persist.UnreadableError] if it is a broken one.
func pointerOf(value string) (*pointer, error) {
	var read sealedValue
	decoder := json.NewDecoder(strings.NewReader(value))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&read); err != nil || read.Sealed == nil {
		return nil, nil // the codec says what is wrong with it
	}
	p := read.Sealed
	if digits, err := hex.DecodeString(p.Generation); err != nil || len(digits) != generationBytes || len(p.Key) != keyBytes {
		return nil, &persist.UnreadableError{Problem: "the keyring has no proper key to it"}
	}
	return p, nil
}

func (p pointer) fileName() string { return sealedPrefix + p.Generation }

// binding is the associated data. Neither part can hold a line break.
func (p pointer) binding(account string) []byte {
	return fmt.Appendf(nil, "%s%s\n%s", sealedMagic, account, p.Generation)
}

func (p pointer) cipher() (cipher.AEAD, error) {
	block, err := aes.NewCipher(p.Key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func (p pointer) seal(account string, content []byte) ([]byte, error) {
	aead, err := p.cipher()
	if err != nil {
		return nil, err
	}
	return aead.Seal([]byte(sealedMagic), nil, content, p.binding(account)), nil
}

var errNotSealedHere = errors.New("its sealed file was damaged, or belongs elsewhere")

func (p pointer) open(account string, sealed []byte) ([]byte, error) {
	aead, err := p.cipher()
	if err != nil {
		return nil, err
	}
	sealed, ours := bytes.CutPrefix(sealed, []byte(sealedMagic))
	if !ours {
		return nil, errNotSealedHere
	}
	content, err := aead.Open(nil, nil, sealed, p.binding(account))
	if err != nil {
		return nil, errNotSealedHere
	}
	return content, nil
}
