package appserver

import (
	"encoding/json"
	"fmt"
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

	// In a sequence the other flags may stand in another order than here: none is used.
	capabilities = objectOf("InitializeCapabilities",
		unused[protocol.Capabilities]("requestAttestation").orDefault(),
		unused[protocol.Capabilities]("mcpServerOpenaiFormElicitation").orDefault(),
		boolean("experimentalApi", func(c *protocol.Capabilities) *bool { return &c.ExperimentalAPI }).orDefault(),
		unused[protocol.Capabilities]("explicitGatewayOauth").orDefault(),
		unused[protocol.Capabilities]("requiredHumanApproval").orDefault(),
		texts("optOutNotificationMethods", func(c *protocol.Capabilities) *[]string { return &c.OptOutNotificationMethods }).orNull(),
		unused[protocol.Capabilities]("extensions"))

	initializeParams = objectOf("InitializeParams",
		member("clientInfo", clientInfo, func(p *protocol.InitializeParams) *protocol.ClientInfo { return &p.ClientInfo }).must(),
		member("capabilities", capabilities, func(p *protocol.InitializeParams) *protocol.Capabilities { return &p.Capabilities }).orNull())
)

func (s *Server) initialize(id jsonrpc.ID, params protocol.InitializeParams) {
	if s.takeUp(id, params) {
		s.Welcome(id, s.options.Version)
	}
}

// Meet is the first part of initialize, for a proxy that asks another server before it
// ends it with [Server.Welcome] or [Server.Welcomed]: it takes up what the client says of
// itself. false: the request was answered with an error. The reading goroutine calls it.
func (s *Server) Meet(request jsonrpc.Request) (protocol.InitializeParams, bool) {
	params, err := initializeParams.params(request)
	if err != nil {
		s.conn.ReplyError(request.ID, err)
		return params, false
	}
	return params, s.takeUp(request.ID, params)
}

// Outfitted are params of initialize that [Server.Meet] took, for a server behind: with
// experimentalApi, and with more notifications that are not wanted. Like the client's own,
// they are an object or a sequence of its values, and so are their capabilities.
func Outfitted(params json.RawMessage, silenced ...string) json.RawMessage {
	var taken protocol.InitializeParams
	_ = initializeParams.decode(params, &taken)
	own := initializeParams.value(params, "capabilities")
	if own == nil || isNull(own) {
		own = json.RawMessage("{}")
	}
	own = capabilities.with(own, "experimentalApi", json.RawMessage("true"))
	own = capabilities.with(own, "optOutNotificationMethods", encoded(append(taken.Capabilities.OptOutNotificationMethods, silenced...)))
	return initializeParams.with(params, "capabilities", own)
}

// takeUp waits until the stored login is loaded, so that the first answer can be about it.
func (s *Server) takeUp(id jsonrpc.ID, params protocol.InitializeParams) bool {
	client := params.ClientInfo
	switch {
	case s.initialized:
		s.conn.ReplyError(id, invalid("Already initialized"))
		return false
	case !isHeaderValue(client.Name):
		s.conn.ReplyError(id, invalid(fmt.Sprintf("Invalid clientInfo.name: '%s'. Must be a valid HTTP header value.", client.Name)))
		return false
	}
	<-s.options.Engine.Ready()
	s.initialized = true
	s.client = client
	s.experimental = params.Capabilities.ExperimentalAPI
	s.silenced = params.Capabilities.OptOutNotificationMethods
	s.options.Introduce(client.Name, s.userAgent(client, s.options.Version))
	return true
}

// Welcome answers initialize, in the name of a version of Codex. Any goroutine may call it,
// once, after [Server.Meet].
func (s *Server) Welcome(id jsonrpc.ID, version string) {
	s.conn.Reply(id, protocol.InitializeResponse{
		UserAgent: s.userAgent(s.client, version), CodexHome: s.options.Home, PlatformFamily: platformFamily(), PlatformOS: platformOS(),
	})
	s.Welcomed()
}

// Welcomed follows an answer to initialize by another server, in place of
// [Server.Welcome]: it notifies the client of what it has to know from the start.
func (s *Server) Welcomed() {
	for _, warning := range s.options.Warnings {
		s.notify(protocol.ConfigWarning, warning)
	}
	s.options.Audience.join(s)
	if s.experimental && !s.options.IsHealthAsked {
		s.beginHealth()
	}
}

// isHeaderValue reports whether text may stand in an HTTP header: visible
// ASCII, blanks and tabs, as Codex's HTTP library has it.
func isHeaderValue(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return (r < ' ' && r != '\t') || r > '~' })
}

// userAgent is NAME/SERVERVERSION (OS OSVERSION; ARCH) TERMINAL (NAME; VERSION).
func (s *Server) userAgent(client protocol.ClientInfo, version string) string {
	agent := fmt.Sprintf("%s/%s (%s; %s) %s (%s; %s)", client.Name, version,
		operatingSystem(), architecture(), s.options.Terminal, client.Name, client.Version)
	return strings.Map(func(r rune) rune {
		if isHeaderValue(string(r)) {
			return r
		}
		return '_' // the user agent is sent in a header
	}, agent)
}

// architecture is what the system calls it.
func architecture() string {
	switch {
	case runtime.GOARCH == "amd64":
		return "x86_64"
	case runtime.GOARCH == "arm64" && runtime.GOOS != "darwin":
		return "aarch64"
	}
	return runtime.GOARCH
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
