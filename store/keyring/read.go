package keyring

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"

	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/record"
)

// finding is what was found in the keyring.
type finding struct {
	record     persist.Record
	content    []byte // of the record
	generation string // of the sealed file that has it, "" if the keyring does
}

// readings is how often a login is read again whose sealed file is missing: another
// writer may have replaced it after the keyring was asked.
const readings = 5

// read returns the record, or an error of Load. The generation is known also with an
// error.
func (s *Store) read(place item) (finding, error) { return s.readWith(place, s.readSealed) }

func (s *Store) readWith(place item, readSealed func(name string) ([]byte, error)) (found finding, err error) {
	previous := ""
	for range readings {
		value, err := place.get()
		if err != nil {
			return finding{}, err
		}
		found, err = decode(s.options.Format, value, place.account, readSealed)
		if !errors.Is(err, fs.ErrNotExist) {
			return found, err
		}
		if value == previous {
			break
		}
		previous = value
	}
	return found, &persist.UnreadableError{Problem: "its sealed file is missing"}
}

// decode reads what the keyring holds. Beside the errors of Load it returns
// [fs.ErrNotExist] if readSealed does.
func decode(format record.Format, value, account string, readSealed func(name string) ([]byte, error)) (finding, error) {
	found := finding{content: []byte(value)}
	p, err := pointerOf(value)
	if err != nil {
		return finding{}, err
	}
	if p != nil {
		found.generation = p.Generation
		sealed, err := readSealed(p.fileName())
		if err != nil {
			return found, err
		}
		if found.content, err = p.open(account, sealed); err != nil {
			return found, &persist.UnreadableError{Problem: err.Error()}
		}
	}
	credential, err := format.Decode(found.content)
	if err != nil {
		return found, err
	}
	sum := sha256.Sum256(found.content) // other programs write there without a number
	found.record = persist.Record{Credential: credential, Revision: persist.Revision(hex.EncodeToString(sum[:]))}
	return found, nil
}

// sealedLimitBytes is more than a sealed login can have.
const sealedLimitBytes = record.SizeLimitBytes + 1024

func (s *Store) readSealed(name string) ([]byte, error) {
	sealed, _, err := s.options.Disk.Read(s.path(name), sealedLimitBytes)
	_, notFile := errors.AsType[*disk.NotAFileError](err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, err
	case notFile, errors.Is(err, disk.ErrTooLarge):
		return nil, &persist.UnreadableError{Place: s.path(name), Problem: err.Error()}
	case err != nil:
		return nil, &persist.UnavailableError{Err: fmt.Errorf("read a sealed login: %w", err)}
	}
	return sealed, nil
}
