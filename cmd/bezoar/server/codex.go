package server

import (
	"encoding/json"
	"flag"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/protocol"
)

// codexFlags are the flags that clients pass to codex app-server, so that this program
// can stand in its place. Those that say where it listens are in listen.go.
type codexFlags struct {
	listen listenFlags
	client string
}

func (f *codexFlags) register(flags *flag.FlagSet) {
	const forCodex = ": for Codex; it changes nothing here"
	f.listen.register(flags)
	flags.StringVar(&f.client, "startup-client-info", "", "the client until it introduces itself, as `JSON` with a name and a version")
	ignored := func(string) error { return nil }
	flags.Func("enable", "a `feature` to have"+forCodex, ignored)
	flags.Func("disable", "a `feature` to do without"+forCodex, ignored)
	flags.Bool("strict-config", false, "refuse unknown keys in config.toml"+forCodex)
	flags.Bool("analytics-default-enabled", false, "send analytics"+forCodex+", which sends none")
}

// read is the client that a flag names, nil for none.
func (f *codexFlags) read() (*protocol.ClientInfo, error) {
	if _, err := f.listen.read(); err != nil {
		return nil, err
	}
	if f.client == "" {
		return nil, nil
	}
	client := new(protocol.ClientInfo)
	if json.Unmarshal([]byte(f.client), client) != nil || client.Name == "" || client.Version == "" {
		return nil, cli.Misuse(`--startup-client-info takes JSON such as {"name":"my-editor","version":"1.0"}`)
	}
	return client, nil
}
