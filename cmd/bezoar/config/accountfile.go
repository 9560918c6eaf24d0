package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/bezoar-auth/bezoar/protocol/profile"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// Account is a home of its own below the home, for the logins of one profile. The zero
// Account is none.
type Account struct {
	Name    string
	Profile string // [issuers.NAME] of config.toml, or codex
	IsNew   bool   // nothing of it is on the disk: a login makes it

	// Metadata is what the issuer said of itself at the last login, or at the last bezoar
	// issuer check: so no refresh waits for it. FoundAt is when; zero if the issuer was never
	// asked.
	Metadata profile.Metadata
	FoundAt  time.Time
}

// accountFile is the file of an account. It holds no secret.
const accountFile = "account.json"

// accountVersion is that of the files that this program writes.
const accountVersion = 1

const accountLimitBytes = 1 << 20

type accountJSON struct {
	Version  int              `json:"version"`
	Profile  string           `json:"profile"`
	FoundAt  time.Time        `json:"found_at,omitzero"`
	Metadata profile.Metadata `json:"metadata"`
}

func readAccount(home, name string) (Account, error) {
	path := filepath.Join(AccountFolder(home, name), accountFile)
	content, _, err := disk.Here.Read(path, accountLimitBytes)
	if err != nil {
		return Account{}, fmt.Errorf("%s cannot be read: %w", path, err)
	}
	var read accountJSON
	switch err := json.Unmarshal(content, &read); {
	case read.Version > accountVersion:
		return Account{}, fmt.Errorf("a newer bezoar wrote %s; use that bezoar", path)
	case err != nil, read.Version < 1, read.Profile == "":
		return Account{}, fmt.Errorf("%s does not say what an account is; bezoar accounts remove %s removes it", path, name)
	}
	return Account{Name: name, Profile: read.Profile, Metadata: read.Metadata, FoundAt: read.FoundAt}, nil
}

// Save writes the account into the home, which makes it one. undo takes that back, for a
// login that failed.
func (a Account) Save(home string) (undo func(), err error) {
	folder := AccountFolder(home, a.Name)
	path := filepath.Join(folder, accountFile)
	content, err := json.MarshalIndent(accountJSON{accountVersion, a.Profile, a.FoundAt.UTC(), a.Metadata}, "", "  ")
	if err != nil {
		return nil, err
	}
	before, _, missing := disk.Here.Read(path, accountLimitBytes)
	if missing != nil && !isMissing(missing) {
		return nil, missing
	}
	if err := errors.Join(disk.Here.MakeFolder(filepath.Dir(folder)), disk.Here.MakeFolder(folder)); err != nil {
		return nil, err
	}
	content = append(content, '\n')
	undo = func() {
		now, _, gone := disk.Here.Read(path, accountLimitBytes)
		switch {
		case gone == nil && !bytes.Equal(now, content): // another login has made it since, or it is as it was
		case missing == nil:
			_ = disk.Here.Replace(path, before)
		default:
			_, _ = disk.Here.Remove(path), os.Remove(folder) // which stays if a login is there
		}
	}
	if err := disk.Here.Replace(path, content); err != nil {
		undo()
		return nil, err
	}
	return undo, nil
}

// KeepMetadata gives all accounts of a profile what its issuer says of itself now, and
// returns their names.
func KeepMetadata(home, profileName string, found profile.Metadata, now time.Time) (names []string, err error) {
	for _, name := range AccountNames(home) {
		account, broken := readAccount(home, name)
		if broken != nil || account.Profile != profileName {
			continue
		}
		account.Metadata, account.FoundAt = found, now
		if _, err := account.Save(home); err != nil {
			return names, err
		}
		names = append(names, name)
	}
	return names, nil
}
