package logins

import (
	"encoding/json"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol"
)

// longest is more than any login, answer or goodbye takes.
const longest = 30 * time.Minute

// rest lets all that is under way end, and then compares what was reported.
func (p *loginPlay) rest() {
	time.Sleep(longest)
	synctest.Wait()
	status := p.request("getAuthStatus", map[string]bool{"includeToken": true})
	account := p.request("account/read", map[string]bool{})
	synctest.Wait()
	var told protocol.GetAuthStatusResponse
	p.result(status, &told)
	var who struct{ Account *struct{ Type string } }
	p.result(account, &who)

	method, token := machine.Method(text(told.AuthMethod)), secret.New(text(told.AuthToken)).Fingerprint()
	require.Equal(p.t, map[machine.Method]string{
		"": "", machine.MethodAPIKey: protocol.AccountAPIKey, machine.MethodTokens: protocol.AccountChatGPT,
		machine.MethodExternal: protocol.AccountChatGPT,
	}[method], func() string {
		if who.Account == nil {
			return ""
		}
		return who.Account.Type
	}(), "account and status")
	p.agree(method, token)
	require.Zero(p.t, p.network.held(), "a port is held and no login is under way")
}

func (p *loginPlay) result(request int, into any) {
	answer, ok := p.heard.answer(request)
	require.True(p.t, ok, "request %d has no answer", request)
	require.Nil(p.t, answer.Error)
	require.NoError(p.t, json.Unmarshal(answer.Result, into))
}

func text(pointer *string) string {
	if pointer == nil {
		return ""
	}
	return *pointer
}

// agree compares what is in use with what the client heard last and with what
// is stored. External tokens are stored nowhere.
func (p *loginPlay) agree(method machine.Method, token secret.Fingerprint) {
	stored, of := p.store.kept()
	if method == machine.MethodExternal {
		require.NotEqual(p.t, machine.MethodExternal, stored)
	} else {
		require.Equal(p.t, method, stored, "the method in use and the one stored")
		require.Equal(p.t, token.Short(), of.Short(), "the token in use and the one stored")
	}
	p.heard.mu.Lock()
	defer p.heard.mu.Unlock()
	if updates := p.heard.updates; len(updates) > 0 {
		last := updates[len(updates)-1]
		require.Equal(p.t, string(method), text(last.AuthMode), "the last account/updated and the status")
		isChatGPT := method == machine.MethodTokens || method == machine.MethodExternal
		require.Equal(p.t, isChatGPT, last.PlanType != nil, "a plan for who can have one")
	}
}

// judge looks back at all of it, when the server has ended.
func (p *loginPlay) judge() {
	for id := 1; id <= p.lastID; id++ {
		require.Len(p.t, p.heard.answers[id], 1, "answers to request %d", id)
	}
	snapshot := p.Engine.Snapshot()
	p.agree(snapshot.Method(), snapshot.Token().Fingerprint())
	for _, each := range p.tales {
		told := p.heard.login(each.request)
		ended := p.heard.completed[told.LoginID]
		if told.LoginID == "" { // it was not begun
			require.Zero(p.t, p.saved(each.account))
			continue
		}
		require.Len(p.t, ended, 1, "ends of the login of %s", each.account)
		require.Equal(p.t, ended[0].Success, ended[0].Error == nil)
		saves := 0
		if ended[0].Success {
			saves = 1
		}
		require.Equal(p.t, saves, p.saved(each.account), "saves of %s, whose login has ended with %q", each.account, text(ended[0].Error))
	}
	p.judgeCancels()
	p.judgeCuts()
}

// saved counts how often an account's login was stored.
func (p *loginPlay) saved(account string) (count int) {
	for _, each := range p.store.entries {
		if each.account == account && !each.removed && !each.failed {
			count++
		}
	}
	return count
}

// judgeCancels: a login that was cancelled is not stored.
func (p *loginPlay) judgeCancels() {
	for request, of := range p.cancels {
		var answer protocol.LoginCancelResponse
		p.result(request, &answer)
		if answer.Status == protocol.CancelCanceled {
			require.Zero(p.t, p.saved(p.tales[of].account), "%s is logged in after a cancel", p.tales[of].account)
		}
	}
}

// judgeCuts: what was begun before a logout or a key login is not stored after it.
func (p *loginPlay) judgeCuts() {
	over, logouts, keys := []string{}, p.logouts, slices.DeleteFunc(p.keys, p.isForbidden)
	cutAt := func(cuts *[]cut) {
		for _, tale := range p.tales[:(*cuts)[0].before] {
			over = append(over, tale.account)
		}
		*cuts = (*cuts)[1:]
	}
	for _, each := range p.store.entries {
		switch {
		case each.removed:
			cutAt(&logouts)
		case each.account == "":
			cutAt(&keys)
		default:
			require.NotContains(p.t, over, each.account, "a login from before a logout, or a key, is stored after it")
		}
	}
	require.Empty(p.t, logouts, "every logout removes what is stored")
	require.Empty(p.t, keys, "every key is stored")
}

// isForbidden reports whether a login was not even tried, for external tokens are
// in use.
func (p *loginPlay) isForbidden(login cut) bool {
	answer, _ := p.heard.answer(login.request)
	return answer.Error != nil && strings.HasPrefix(answer.Error.Message, "External auth is active")
}
