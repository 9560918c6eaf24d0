// Package resource makes an account for a protected resource such as an MCP server: it finds
// who issues tokens for it, becomes a client there, and keeps both beside the login.
package resource

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/profile"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// FileName is the file in the folder of an account that says which resource it is for.
const FileName = "resource.json"

// File is what it holds. No table of config.toml describes the client, which the issuer has
// made for this account alone, so that the file does, by the same keys.
//
// A secret that the issuer insists on is in it too, and not in a keyring: nothing can be had
// with it alone (RFC 8252 section 8.5 calls that of a program on a user's machine no secret
// at all). The file is as private as a login all the same.
type File struct {
	Version  int            `json:"version"`
	Server   string         `json:"server"`   // the address that the user named
	Resource string         `json:"resource"` // what it calls itself
	Profile  map[string]any `json:"profile"`  // the keys of [issuers.NAME]

	// AuthMethod and what follows are of a client that was registered with a secret.
	AuthMethod      profile.AuthMethod `json:"token_endpoint_auth_method,omitempty"`
	Secret          string             `json:"client_secret,omitempty"`
	SecretExpiresAt *time.Time         `json:"client_secret_expires_at,omitempty"`
}

const (
	version        = 1
	fileLimitBytes = 1 << 20
)

// Read reads the file of an account. The error is fs.ErrNotExist by errors.Is for an account
// that is for no resource.
func Read(folder string) (File, error) {
	text, _, err := disk.Here.Read(filepath.Join(folder, FileName), fileLimitBytes)
	if err != nil {
		return File{}, err
	}
	var f File
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&f) != nil || f.Version < 1 || f.Server == "" || f.Resource == "" {
		return File{}, fmt.Errorf("%s is not what bezoar writes; remove the account and log in again", FileName)
	}
	if f.Version > version {
		return File{}, fmt.Errorf("a newer bezoar wrote %s; use that one", FileName)
	}
	f.Profile, _ = tomlOf(f.Profile).(map[string]any)
	return f, nil
}

// Write writes the file of an account, whose folder it makes.
func (f File) Write(folder string) error {
	f.Version = version
	text, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	for _, each := range []string{filepath.Dir(folder), folder} {
		if err := disk.Here.MakeFolder(each); err != nil {
			return err
		}
	}
	return disk.Here.Replace(filepath.Join(folder, FileName), append(text, '\n'))
}

// ProfileOf is the profile of the account. Its name is that of the account.
func (f File) ProfileOf(name string) (profile.Profile, error) {
	const own = "resource" // an account may have a name that no profile can have
	p, err := profile.NewSet(map[string]any{own: f.Profile}, func(int, ...string) int { return 0 }).Get(own)
	p.Name = name
	if _, said := f.Profile["display_name"]; !said {
		p.DisplayName = name
	}
	if f.AuthMethod != "" {
		p.AuthMethod = f.AuthMethod
	}
	return p, err
}

// ClientSecret is the secret of the client, absent for a public one.
func (f File) ClientSecret() secret.Token { return secret.New(f.Secret) }

// tomlOf is a JSON value as a TOML file would give it.
func tomlOf(value any) any {
	switch v := value.(type) {
	case json.Number:
		n, _ := v.Int64()
		return n
	case []any:
		for i := range v {
			v[i] = tomlOf(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = tomlOf(v[name])
		}
	}
	return value
}

// Folder is the folder of a home that has its accounts.
func Folder(home string) string { return filepath.Join(home, "accounts") }

// AccountFolder is that of one of them.
func AccountFolder(home, account string) string { return filepath.Join(Folder(home), account) }

// Find are the accounts of a home that are for the resource at an address, by name.
func Find(home, address string) ([]string, error) {
	entries, err := disk.Here.ReadFolder(Folder(home))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var names []string
	for _, each := range entries {
		f, unread := Read(AccountFolder(home, each.Name()))
		if unread == nil && (canonical(f.Server) == canonical(address) || canonical(f.Resource) == canonical(address)) {
			names = append(names, each.Name())
		}
	}
	slices.Sort(names)
	return names, err
}

// canonical is an address as one of its spellings (RFC 3986 section 6.2): two that lead to
// the same place.
func canonical(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	u.Scheme, u.Host = strings.ToLower(u.Scheme), strings.ToLower(u.Host)
	u.Host = strings.TrimSuffix(u.Host, map[string]string{"http": ":80", "https": ":443"}[u.Scheme])
	u.Path, u.RawPath = strings.TrimSuffix(u.Path, "/"), strings.TrimSuffix(u.RawPath, "/")
	return u.String()
}

// isTaken reports whether there is a folder, or something else that has its name.
func isTaken(folder string) bool {
	_, err := disk.Here.ReadFolder(folder)
	return !errors.Is(err, fs.ErrNotExist)
}
