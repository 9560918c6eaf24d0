package config

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol/profile"
)

const sound = "[issuers.mine]\nissuer = 'https://id.example'\nclient_id = 'native'\n"

func TestProfilesAreTakenFromTheFile(t *testing.T) {
	config := loadFile(t, sound)
	require.Empty(t, config.Warnings)
	require.Equal(t, []string{"codex", "mine"}, config.Profiles.Names())
	mine, err := config.Profiles.Get("mine")
	require.NoError(t, err)
	require.Equal(t, "native", mine.ClientID)
}

func TestHomeWithoutProfilesHasTheBuiltInOne(t *testing.T) {
	config := loadFile(t, "")
	require.Equal(t, profile.Set{}, config.Profiles)
	require.Equal(t, []string{"codex"}, config.Profiles.Names())
}

func TestBrokenProfileIsAWarningUntilItIsAskedFor(t *testing.T) {
	config := loadFile(t, "forced_login_method = 'api'\n"+sound+"[issuers.broken]\nissuer = 5\nscopes = 'hidden'\n")
	requireWarning(t, config, "[issuers.broken]")
	require.Contains(t, config.Warnings[0].Details, "line 5, [issuers.broken]: client_id is missing")
	require.NotContains(t, config.Warnings[0].Details, "hidden")
	require.True(t, config.Restriction.ForbidTokens, "the other settings hold")
	_, err := config.Profiles.Get("mine")
	require.NoError(t, err)
	_, err = config.Profiles.Get("broken")
	require.Len(t, profile.Errors(err), 3)
}

func TestIssuersThatAreNoTablesAreAWarning(t *testing.T) {
	requireWarning(t, loadFile(t, "issuers = 'https://id.example'"), "issuers")
}

func TestOverrideOfAProfileHasNoLine(t *testing.T) {
	config := loadFile(t, sound, "issuers.mine.client_id=other")
	mine, err := config.Profiles.Get("mine")
	require.NoError(t, err)
	require.Equal(t, "other", mine.ClientID)

	config = loadFile(t, sound+"scopes = 1", "issuers.mine.discovery=maybe")
	_, err = config.Profiles.Get("mine")
	require.EqualError(t, err, `--config, [issuers.mine] discovery: want "auto", "oidc", "oauth", "mcp" or "none"`+"\nline 4, [issuers.mine] scopes: want a list of texts in quotes")
	require.Empty(t, config.Warnings[0].Path)
}
