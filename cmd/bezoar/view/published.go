package view

import (
	"os"
	"path/filepath"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/disk"
	"github.com/bezoar-auth/bezoar/store/record"
)

// PublishLock is locked by the one that publishes to a home. It holds the home that is
// published from, so that the home is known as a published one while it has no login.
const PublishLock = "auth.publish.lock"

// MarkPublished notes that a home is published to from another one, or from none any more
// if from is "". On a system where a locked file cannot
// be written there is no mark.
func MarkPublished(home, from string) {
	path := filepath.Join(home, PublishLock)
	if info, err := os.Lstat(path); err == nil && info.Mode().IsRegular() {
		_ = os.WriteFile(path, []byte(from), 0o600)
	}
}

// MarkedFrom is the home that a home was last published to from, "" for none.
func MarkedFrom(home string) string {
	const pathLimitBytes = 4096
	content, _, err := disk.Here.Read(filepath.Join(home, PublishLock), pathLimitBytes)
	if err != nil || !filepath.IsAbs(string(content)) {
		return ""
	}
	return string(content)
}

// PublishedLogin is the home that the login of a home was published from, "" if it has
// none or one of its own.
func PublishedLogin(home string) string {
	content, _, err := disk.Here.Read(filepath.Join(home, "auth.json"), record.SizeLimitBytes)
	if err != nil {
		return ""
	}
	from, _ := authjson.PublishedFrom(content)
	return from
}

// publishedFrom is the home that bezoar publish takes the login of a home from, "" if the
// login is no published one. A home without a login has what its mark says.
func publishedFrom(home string, login machine.Snapshot) string {
	switch {
	case login.Phase() == machine.NoAuth && login.LoginMethod() == "":
		return MarkedFrom(home)
	case login.LoginMethod() == machine.MethodExternal:
		return PublishedLogin(home)
	}
	return ""
}

// supply says who brings newer tokens to a login that has no refresh token here.
func (v *View) supply() string {
	who := "another program"
	if v.publishedFrom != "" {
		who = "bezoar publish, from " + v.publishedFrom + ","
	}
	switch {
	case v.Assess().Expired:
		return ", and " + who + " has brought no newer one"
	case v.State.Rejected():
		return ", but a server rejected it, and " + who + " has brought no newer one"
	}
	return ", and " + who + " has to bring newer ones: nothing is refreshed here"
}

// supplyStep is what brings a newer token to a login that has no refresh token here.
func (v *View) supplyStep() string {
	if v.publishedFrom == "" {
		return "bezoar login"
	}
	if _, err := os.Stat(filepath.Join(v.publishedFrom, "auth.json")); err != nil {
		return "bezoar login --home " + cli.ShellWord(v.publishedFrom)
	}
	return "bezoar publish " + cli.ShellWord(v.Config.Home) + " --home " + cli.ShellWord(v.publishedFrom)
}
