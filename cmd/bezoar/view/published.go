package view

import (
	"path/filepath"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/cli"
	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/store/authjson"
	"github.com/bezoar-auth/bezoar/store/disk"
)

// publishedFrom is the home that bezoar publish takes the login of a home from, "" if the
// login is no published one.
func publishedFrom(home string, login machine.Snapshot) string {
	if login.LoginMethod() != machine.MethodExternal {
		return ""
	}
	content, _, err := disk.Read(filepath.Join(home, "auth.json"), authjson.SizeLimitBytes)
	if err != nil {
		return ""
	}
	from, _ := authjson.PublishedFrom(content)
	return from
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
	return "bezoar publish " + cli.ShellWord(v.Config.Home) + " --home " + cli.ShellWord(v.publishedFrom)
}
