package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/resource"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/protocol/legible"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

// accountNameLimit is less than any file system takes.
const accountNameLimit = 64

// CheckAccountName returns an error if no account can have the name, because some file
// system cannot have a folder of that name, or because a shell or a person would take it
// for something else.
func CheckAccountName(name string) error {
	strange := func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.@", r))
	}
	switch {
	case name == "" || len(name) > accountNameLimit:
		return fmt.Errorf("want a name of 1 to %d letters", accountNameLimit)
	case strings.ContainsFunc(name, strange):
		return errors.New("want letters (a to z), digits, and - _ . @ alone")
	case strings.ContainsAny(name[:1], "-."), strings.HasSuffix(name, "."):
		return errors.New("want a name that begins with a letter, a digit, _ or @, and does not end with a full stop")
	case isDevice(name):
		return errors.New("want a name that is not one of Windows' devices")
	}
	return nil
}

// isDevice reports whether Windows takes a name for a device, whatever folder it is in and
// whatever ending it has (learn.microsoft.com/windows/win32/fileio/naming-a-file).
func isDevice(name string) bool {
	base, _, _ := strings.Cut(strings.ToUpper(name), ".")
	if len(base) == 4 && (strings.HasPrefix(base, "COM") || strings.HasPrefix(base, "LPT")) {
		return base[3] >= '0' && base[3] <= '9'
	}
	return slices.Contains([]string{"CON", "PRN", "AUX", "NUL"}, base)
}

// SameAccount reports whether two names are those of one account: on some disks they would
// be one folder.
func SameAccount(a, b string) bool { return strings.EqualFold(a, b) }

// AccountNames are the names of the accounts of a home, sorted. A folder without an
// account.json is none.
func AccountNames(home string) []string {
	var names []string
	folders, _ := os.ReadDir(resource.Folder(home)) // one that cannot be read has none for us
	for _, each := range folders {
		_, err := os.Lstat(filepath.Join(AccountFolder(home, each.Name()), accountFile))
		if err == nil && CheckAccountName(each.Name()) == nil {
			names = append(names, each.Name())
		}
	}
	return names
}

// UnknownAccountError reports that a home has no account of a name. Choose one of Known, or
// make it: bezoar login --issuer PROFILE --account NAME.
type UnknownAccountError struct {
	Name   string
	Source string // what named it: "--account", or a variable
	Known  []string
}

func (e *UnknownAccountError) Error() string {
	known := "there are none"
	if len(e.Known) > 0 {
		known = "there are " + strings.Join(e.Known, ", ")
	}
	return fmt.Sprintf("no account is called %s (%s): %s", legible.Brief(e.Name), e.Source, known)
}

// AccountError reports that an account cannot be used as it is: its account.json cannot be
// read, or config.toml does not have its profile. Its login is untouched. The user has to
// correct what it names.
type AccountError struct {
	Account string
	Profile string // "" if it is about account.json
	Err     error  // of [profile.Set.Get], or of the file
}

func (e *AccountError) Error() string {
	if e.Profile == "" {
		return fmt.Sprintf("account %s: %v", e.Account, e.Err)
	}
	return fmt.Sprintf("account %s is one of the profile %s, which cannot be used; its login is untouched. config.toml: %s",
		e.Account, legible.Brief(e.Profile), strings.ReplaceAll(e.Err.Error(), "\n", "; "))
}

func (e *AccountError) Unwrap() error { return e.Err }

// useAccount makes the home that of an account, if a setting names one. issuer is the
// profile of an account that may not be there yet, "" for one that has to be.
func (c *Config) useAccount(name setting, issuer string) error {
	if name.value == "" {
		return nil
	}
	if err := CheckAccountName(name.value); err != nil {
		return &SettingError{name.name, err}
	}
	c.Account.Name = name.value
	known := AccountNames(c.Root)
	at := slices.IndexFunc(known, func(each string) bool { return SameAccount(each, name.value) })
	switch {
	case at >= 0:
		read, err := readAccount(c.Root, known[at])
		if err != nil {
			return &AccountError{Account: known[at], Err: err}
		}
		c.Account = read
	case issuer == "":
		return &UnknownAccountError{name.value, name.name, known}
	default:
		c.Account.Profile, c.Account.IsNew = issuer, true
	}
	c.Home = AccountFolder(c.Root, c.Account.Name)
	if issuer != "" && issuer != c.Account.Profile {
		return &AccountError{Account: c.Account.Name, Err: fmt.Errorf("it is one of the profile %s: take another name for one of %s, or remove it with bezoar accounts remove",
			legible.Brief(c.Account.Profile), legible.Brief(issuer))}
	}
	return c.useProfile()
}

// useProfile reads the profile of the account. That of Codex is what the settings make of
// it, as without an account.
func (c *Config) useProfile() error {
	if c.Account.Profile == profile.CodexName {
		return nil
	}
	if own, err := c.useResource(); own || err != nil {
		c.Restriction = machine.Restriction{}
		return err
	}
	p, err := c.Profiles.Get(c.Account.Profile)
	if unknown, ok := errors.AsType[*profile.UnknownError](err); ok && c.Account.IsNew {
		return unknown
	}
	if err != nil {
		return &AccountError{c.Account.Name, c.Account.Profile, err}
	}
	c.Profile = p
	c.Restriction = machine.Restriction{} // which is about logins of Codex
	return nil
}

// AccountFolder is the folder of an account.
func AccountFolder(home, account string) string { return resource.AccountFolder(home, account) }

// IsCodex reports whether logins of this home are those of Codex, which other programs can
// use as well.
func (c Config) IsCodex() bool { return c.Profile.Issuer == "" }

// Command is another command of this program on the same login, as a person writes it.
func (c Config) Command(words string) string {
	if c.Account.Name == "" {
		return "bezoar " + words
	}
	return "bezoar " + words + " --account " + c.Account.Name
}

// NotForCodex is an error for a login that only its own issuer may be given, and nil for one
// that Codex can use. Codex would send the token to OpenAI.
func (c Config) NotForCodex(instead string) error {
	if c.IsCodex() {
		return nil
	}
	return &AccountError{Account: c.Account.Name, Err: fmt.Errorf("its login is one of %s, and Codex would send the token to OpenAI; %s",
		legible.Brief(c.Profile.DisplayName), instead)}
}

// IssuerName is what people call the issuer of the logins of this home.
func (c Config) IssuerName() string {
	if c.IsCodex() {
		return profile.Codex().DisplayName
	}
	return c.Profile.DisplayName
}

// isMissing reports whether nothing is there.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
