package appserver

import (
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/bezoar-auth/bezoar/protocol"
	"github.com/bezoar-auth/bezoar/protocol/jsonrpc"
)

var (
	clientInfo = objectOf("ClientInfo",
		text("name", func(c *protocol.ClientInfo) *string { return &c.Name }).must(),
		optionalText("title", func(c *protocol.ClientInfo) **string { return &c.Title }),
		text("version", func(c *protocol.ClientInfo) *string { return &c.Version }).must())

	capabilities = objectOf("InitializeCapabilities",
		boolean("experimentalApi", func(c *protocol.Capabilities) *bool { return &c.ExperimentalAPI }),
		texts("optOutNotificationMethods", func(c *protocol.Capabilities) *[]string { return &c.OptOutNotificationMethods }).orNull())

	initializeParams = objectOf("InitializeParams",
		member("clientInfo", clientInfo, func(p *protocol.InitializeParams) *protocol.ClientInfo { return &p.ClientInfo }).must(),
		member("capabilities", capabilities, func(p *protocol.InitializeParams) *protocol.Capabilities { return &p.Capabilities }).orNull())
)

func (s *Server) initialize(id jsonrpc.ID, params protocol.InitializeParams) {
	client := params.ClientInfo
	switch {
	case s.initialized:
		s.conn.ReplyError(id, invalid("Already initialized"))
		return
	case !isHeaderValue(client.Name):
		s.conn.ReplyError(id, invalid(fmt.Sprintf("Invalid clientInfo.name: '%s'. Must be a valid HTTP header value.", client.Name)))
		return
	}
	<-s.options.Engine.Ready() // the stored login is loaded before the first answer about it
	s.initialized = true
	s.experimental = params.Capabilities.ExperimentalAPI
	s.silenced = params.Capabilities.OptOutNotificationMethods
	agent := s.userAgent(client)
	s.options.Introduce(client.Name, agent)
	s.conn.Reply(id, protocol.InitializeResponse{
		UserAgent: agent, CodexHome: s.options.Home, PlatformFamily: platformFamily(), PlatformOS: platformOS(),
	})
	for _, warning := range s.options.Warnings {
		s.notify(protocol.ConfigWarning, warning)
	}
	if s.experimental {
		s.options.Engine.Subscribe(s.healthChanged)
	}
}

// isHeaderValue reports whether text may stand in an HTTP header: visible
// ASCII, blanks and tabs, as Codex's HTTP library has it.
func isHeaderValue(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return (r < ' ' && r != '\t') || r > '~' })
}

// userAgent is NAME/SERVERVERSION (OS OSVERSION; ARCH) TERMINAL (NAME; VERSION).
func (s *Server) userAgent(client protocol.ClientInfo) string {
	agent := fmt.Sprintf("%s/%s (%s; %s) %s (%s; %s)", client.Name, s.options.Version,
		operatingSystem(), architecture(), s.options.Terminal, client.Name, client.Version)
	return strings.Map(func(r rune) rune {
		if isHeaderValue(string(r)) {
			return r
		}
		return '_' // the user agent is sent in a header
	}, agent)
}

func architecture() string {
	switch runtime.GOARCH {
	case "amd64":
		return "x86_64"
	case "arm64":
		return "aarch64"
	}
	return runtime.GOARCH
}

// operatingSystem is the name and version that the system gives itself.
func operatingSystem() string {
	const unknownVersion = " unknown"
	if runtime.GOOS != "linux" {
		return platformOS() + unknownVersion
	}
	release, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return "Linux" + unknownVersion
	}
	fields := map[string]string{}
	for line := range strings.Lines(string(release)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		fields[name] = strings.Trim(value, `"'`)
	}
	name, _, _ := strings.Cut(fields["NAME"], " ")
	return name + " " + semantic(fields["VERSION_ID"])
}

// semantic fills a version up to three numbers: 12 is 12.0.0.
func semantic(version string) string {
	if version == "" {
		return "unknown"
	}
	for strings.Count(version, ".") < 2 {
		version += ".0"
	}
	return version
}

func platformFamily() string {
	if runtime.GOOS == "windows" {
		return "windows"
	}
	return "unix"
}

func platformOS() string {
	if runtime.GOOS == "darwin" {
		return "macos"
	}
	return runtime.GOOS
}
