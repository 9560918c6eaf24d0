package mcp

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/config"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/resource"
	"github.com/bezoar-auth/bezoar/cmd/bezoar/session"
)

// accountOf are the settings with the account of a resource.
func accountOf(env cli.Environment, settings config.Flags, server string) (config.Flags, error) {
	c, noHome, err := session.Peek(settings, env.Getenv)
	if err != nil {
		return settings, err
	}
	names, err := resource.Find(c.Home, server)
	switch {
	case err != nil:
		return settings, cli.Exit(cli.ExitOperator, fmt.Errorf("the accounts cannot be read: %w", err))
	case noHome, len(names) == 0:
		return settings, cli.Exit(cli.ExitLogin, errors.New("there is no account for this server. Next: "+relogin(server, "")))
	case len(names) > 1:
		return settings, cli.Misuse("several accounts are for this server: %s; choose one with --account", strings.Join(names, ", "))
	}
	settings.Home = filepath.Join(resource.Folder(c.Home), names[0])
	return settings, nil
}
