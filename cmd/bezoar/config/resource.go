package config

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/resource"
	"github.com/bezoar-auth/bezoar/protocol/outbound"
)

// ResourceError reports that no account is the one for a resource. With no Accounts, make
// one: bezoar login --resource URL. With several, name one of them.
type ResourceError struct {
	Resource string   // the address, without what may be a secret in it
	Account  string   // that the user has named, and that is for something else; "" for none
	Accounts []string // that are for it
}

func (e *ResourceError) Error() string {
	next := "bezoar login --resource " + e.Resource
	switch {
	case e.Account != "":
		return fmt.Sprintf("account %s is not for %s, and its token goes to no other place. Next: %s", e.Account, e.Resource, next)
	case len(e.Accounts) == 0:
		return fmt.Sprintf("no account is for %s. Next: %s", e.Resource, next)
	}
	return fmt.Sprintf("several accounts are for %s: choose one with --account (%s)", e.Resource, strings.Join(e.Accounts, ", "))
}

// accountOf is the name of the account that is for a resource. named is the one that the
// user has named, "" for none. Its error is a [*ResourceError], or that of reading.
func accountOf(root, address, named string) (string, error) {
	found, err := resource.Find(root, address)
	if err != nil {
		return "", err
	}
	known := AccountNames(root)
	found = slices.DeleteFunc(found, func(name string) bool { return !slices.Contains(known, name) }) // its login has failed
	failed := &ResourceError{Resource: outbound.WithoutQuery(address), Account: named, Accounts: found}
	switch {
	case named != "":
		if slices.ContainsFunc(found, func(name string) bool { return SameAccount(name, named) }) {
			return named, nil
		}
		return "", failed
	case len(found) != 1:
		return "", failed
	}
	return found[0], nil
}

// useResource takes the profile that the account itself has, and reports whether it has one.
func (c *Config) useResource() (bool, error) {
	own, err := resource.Read(c.Home)
	if isMissing(err) {
		return false, nil
	}
	if err == nil {
		c.Profile, err = own.ProfileOf(c.Account.Name)
	}
	if err != nil {
		return true, &AccountError{Account: c.Account.Name, Err: fmt.Errorf("%s: %w", filepath.Join(c.Home, resource.FileName), err)}
	}
	c.Resource = own.Resource
	return true, nil
}
