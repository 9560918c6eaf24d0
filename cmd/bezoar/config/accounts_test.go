package config

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

func TestANameOfAnAccountIsAFolderOnEverySystem(t *testing.T) {
	for _, name := range []string{"work", "Work-2", "ada@example.com", "_", "@", "a.b", "com", "com10", "console", "null", strings.Repeat("a", 64)} {
		require.NoError(t, CheckAccountName(name), name)
	}
	for _, name := range []string{
		"", ".", "..", ".hidden", "-flag", "a.", "a/b", `a\b`, "a b", "a:b", "ä", "a\x00", "a\n", "~", "*", "$HOME", "con", "NUL.txt", "com1", "Lpt9.login", "aux.", strings.Repeat("a", 65),
	} {
		require.Error(t, CheckAccountName(name), "%q", name)
	}
}

// account makes an account of a home by hand.
func account(t *testing.T, home, name, content string) {
	folder := AccountFolder(home, name)
	require.NoError(t, os.MkdirAll(folder, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(folder, accountFile), []byte(content), 0o600))
}

func TestAnAccountIsAHomeOfItsOwn(t *testing.T) {
	home := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(home, "config.toml"), []byte("forced_login_method = 'api'\n"+sound), 0o600))
	account(t, home, "work", `{"version": 1, "profile": "mine", "found_at": "2026-12-01T05:00:00Z", "metadata": {"issuer": "https://id.example", "token_endpoint": "https://id.example/t"}}`)
	account(t, home, "chat", `{"version": 1, "profile": "codex"}`)
	require.NoError(t, os.MkdirAll(AccountFolder(home, "stray"), 0o700))
	require.Equal(t, []string{"chat", "work"}, AccountNames(home))

	of := func(name string) Config {
		return load(t, Flags{Home: home, Account: name}, environment{"BEZOAR_ACCOUNT": "chat"})
	}
	work, chat := of("WORK"), of("")
	require.Equal(t, "work", work.Account.Name, "as it is on the disk")
	require.Equal(t, AccountFolder(home, "work"), work.Home)
	require.Equal(t, home, work.Root)
	require.Equal(t, "https://id.example/t", work.Account.Metadata.TokenEndpoint)
	require.True(t, work.Account.FoundAt.Equal(time.Date(2026, 12, 1, 5, 0, 0, 0, time.UTC)))
	require.False(t, work.IsCodex())
	require.Zero(t, work.Restriction, "which is about logins of Codex")
	require.Equal(t, "bezoar login --account work", work.Command("login"))

	require.Equal(t, AccountFolder(home, "chat"), chat.Home)
	require.True(t, chat.IsCodex())
	require.True(t, chat.Restriction.ForbidTokens)
	require.Equal(t, "ChatGPT", chat.IssuerName())
	require.Equal(t, "bezoar login", load(t, Flags{Home: home}, nil).Command("login"))
}

func TestAnAccountThatCannotBeUsedIsNamed(t *testing.T) {
	home := t.TempDir()
	for name, content := range map[string]string{"newer": `{"version": 2, "profile": {}}`, "cut": `{"version": 1, "prof`, "empty": `{}`, "gone": `{"version": 1, "profile": "gone"}`} {
		account(t, home, name, content)
	}
	for name, says := range map[string]string{
		"newer": "a newer bezoar wrote ", "cut": "does not say what an account is", "empty": "does not say what an account is",
		"gone": "account gone is one of the profile gone, which cannot be used; its login is untouched. config.toml: config.toml has no [issuers.gone]",
	} {
		_, err := Load(Flags{Home: home, Account: name}, environment{}.get)
		broken := new(AccountError)
		require.ErrorAs(t, err, &broken, name)
		require.Equal(t, name, broken.Account)
		require.ErrorContains(t, err, says)
	}
	_, err := Load(Flags{Home: home, Account: "none"}, environment{}.get)
	unknown := new(UnknownAccountError)
	require.ErrorAs(t, err, &unknown)
	require.Len(t, unknown.Known, 4)
	_, err = Load(Flags{Home: home}, environment{"BEZOAR_ACCOUNT": "a/b"}.get)
	requireSettingError(t, err, "BEZOAR_ACCOUNT", "a/b")
}

func TestASavedAccountCanBeTakenBack(t *testing.T) {
	home := t.TempDir()
	first := Account{Name: "work", Profile: "codex"}
	undo, err := first.Save(home)
	require.NoError(t, err)
	undo()
	require.NoDirExists(t, AccountFolder(home, "work"))

	_, err = first.Save(home)
	require.NoError(t, err)
	second := first
	second.Metadata, second.FoundAt = profile.Metadata{Issuer: "https://id.example"}, time.Date(2026, 12, 1, 5, 0, 0, 0, time.UTC)
	undo, err = second.Save(home)
	require.NoError(t, err)
	read, err := readAccount(home, "work")
	require.NoError(t, err)
	require.Equal(t, second, read)
	undo()
	read, err = readAccount(home, "work")
	require.NoError(t, err)
	require.Equal(t, first, read)
}

func TestLoginsThatMakeOneAccountLeaveEachOtherAlone(t *testing.T) {
	home := machinetest.Dir(t)
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			_, err := Account{Name: "work", Profile: "mine"}.Save(home)
			assert.NoError(t, err)
		})
	}
	all.Wait()
	files, err := os.ReadDir(AccountFolder(home, "work"))
	require.NoError(t, err)
	require.Len(t, files, 1)

	undo, err := Account{Name: "work", Profile: "failed"}.Save(home)
	require.NoError(t, err)
	_, err = Account{Name: "work", Profile: "later"}.Save(home)
	require.NoError(t, err)
	undo()
	content, err := os.ReadFile(filepath.Join(AccountFolder(home, "work"), "account.json"))
	require.NoError(t, err)
	require.Contains(t, string(content), "later")
}
