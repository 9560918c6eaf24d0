package profile_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/protocol/profile"
)

var answers = rapid.Custom(func(t *rapid.T) profile.Answer {
	return profile.Answer{
		Status: rapid.OneOf(rapid.SampledFrom([]int{200, 400, 401, 403, 404, 407, 408, 415, 425, 429, 500, 503}), rapid.IntRange(0, 999)).Draw(t, "status"),
		Code: rapid.OneOf(rapid.SampledFrom([]string{"", "invalid_grant", "invalid_client", "invalid_request", "interaction_required", "server_error",
			"bad_refresh_token", "refresh_token_reused", "access_denied"}), rapid.String()).Draw(t, "code"),
		Grants: rapid.Bool().Draw(t, "grants"), IsPage: rapid.Bool().Draw(t, "page"),
	}
})

func TestEveryAnswerHasOneMeaning(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		means := rapid.OneOf(rapid.Map(profiles, func(p profile.Profile) profile.Answers { return p.Answers }),
			rapid.SampledFrom([]profile.Answers{profile.CodexAnswers, {}, {Standard: true}})).Draw(t, "answers")
		answer := answers.Draw(t, "answer")
		got := means.Judge(answer)
		require.Contains(t, []profile.Meaning{profile.Granted, profile.Refused, profile.Misconfigured, profile.LoginNeeded, profile.Unavailable}, got.Meaning)
		require.Equal(t, answer.Grants, got.Meaning == profile.Granted, "a grant is one, and nothing else is")
		require.Equal(t, got.Meaning == profile.Refused, got.Reason != "", "a refusal alone has a reason")
		require.Equal(t, got, means.Judge(answer))
		require.True(t, !got.Unexplained || got.Meaning == profile.Misconfigured && answer.Status == 401)
		if answer.IsPage && !answer.Grants {
			require.Equal(t, profile.Unavailable, got.Meaning)
		}
	})
}

// Only its own rows let a profile take an issuer that is out of order, or busy, for one
// that refuses.
func TestStandardNeverRefusesForAnIssuerOutOfOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		answer := answers.Filter(func(a profile.Answer) bool {
			return a.Status/100 == 5 || a.Status == 429 || a.Status == 408 || a.Status/100 == 3
		}).Draw(t, "answer")
		answer.Grants = false
		bare := rapid.SampledFrom([]profile.Meaning{profile.Refused, profile.Misconfigured}).Draw(t, "bare 401")
		require.Equal(t, profile.Unavailable, profile.Answers{Standard: true, Bare401: bare}.Judge(answer).Meaning)
	})
}

func TestRowsOfTheProfileComeFirst(t *testing.T) {
	means := profile.Answers{Standard: true, Bare401: profile.Misconfigured, Rows: []profile.Row{
		{Status: 400, Code: "invalid_grant", Meaning: profile.LoginNeeded},
		{Status: 401, Meaning: profile.Refused, Reason: history.ReasonRevoked},
		{Status: 200, Code: "ratelimited", Meaning: profile.Misconfigured},
	}}
	require.Equal(t, profile.LoginNeeded, means.Judge(profile.Answer{Status: 400, Code: "invalid_grant"}).Meaning)
	require.Equal(t, profile.LoginNeeded, means.Judge(profile.Answer{Status: 200, Code: "invalid_grant"}).Meaning, "200 with a code is a refusal with 400")
	require.Equal(t, profile.Refused, means.Judge(profile.Answer{Status: 403, Code: "invalid_grant"}).Meaning, "the standard's row, for another status")
	require.Equal(t, history.ReasonRevoked, means.Judge(profile.Answer{Status: 401, Code: "invalid_client"}).Reason)
	require.Equal(t, profile.Misconfigured, means.Judge(profile.Answer{Status: 200, Code: "ratelimited"}).Meaning)
}

func TestTheMostExactRowOfAProfileCounts(t *testing.T) {
	rows := []profile.Row{
		{Status: 400, Meaning: profile.Refused, Reason: history.ReasonExpired},
		{Code: "odd", Meaning: profile.Misconfigured},
		{Status: 403, Code: "odd", Meaning: profile.LoginNeeded},
		{Status: 401, Meaning: profile.LoginNeeded},
		{Status: 401, Code: "invalid_client", Meaning: profile.Misconfigured},
	}
	reversed := slices.Clone(rows)
	slices.Reverse(reversed)
	for _, ordered := range [][]profile.Row{rows, reversed} {
		means := profile.Answers{Standard: true, Bare401: profile.Refused, Rows: ordered}
		for answer, want := range map[profile.Answer]profile.Meaning{
			{Status: 400, Code: "new_thing"}:      profile.Refused,
			{Status: 400, Code: "odd"}:            profile.Misconfigured,
			{Status: 403, Code: "odd"}:            profile.LoginNeeded,
			{Status: 401, Code: "new_thing"}:      profile.LoginNeeded,
			{Status: 401, Code: "invalid_client"}: profile.Misconfigured,
			{Status: 200, Code: "odd"}:            profile.Misconfigured,
		} {
			require.Equal(t, want, means.Judge(answer).Meaning, "%+v", answer)
		}
	}
}

// A 401 that no row explains may be that of a gateway in front of the issuer.
func TestAMisconfigurationSaysWhetherARowExplainsIt(t *testing.T) {
	means := profile.Answers{Standard: true, Bare401: profile.Misconfigured, Rows: []profile.Row{{Status: 401, Code: "our_own", Meaning: profile.Misconfigured}}}
	for code, unexplained := range map[string]bool{"": true, "unauthorized": true, "invalid_client": false, "our_own": false} {
		require.Equal(t, profile.Judgement{Meaning: profile.Misconfigured, Unexplained: unexplained}, means.Judge(profile.Answer{Status: 401, Code: code}), code)
	}
	require.False(t, means.Judge(profile.Answer{Status: 415}).Unexplained)
}

func TestBare401IsWhatTheProfileSays(t *testing.T) {
	for _, bare := range []profile.Meaning{profile.Refused, profile.Misconfigured} {
		means := profile.Answers{Standard: true, Bare401: bare}
		require.Equal(t, bare, means.Judge(profile.Answer{Status: 401}).Meaning)
		require.Equal(t, bare, means.Judge(profile.Answer{Status: 401, Code: "new_thing"}).Meaning)
		require.Equal(t, profile.Misconfigured, means.Judge(profile.Answer{Status: 401, Code: "invalid_client"}).Meaning, "a row explains it")
		require.Equal(t, profile.Unavailable, means.Judge(profile.Answer{Status: 401, IsPage: true}).Meaning)
	}
}

func TestPointerFindsATextInAnyBody(t *testing.T) {
	for pointer, want := range map[string]string{
		"/status": "BAD", "/error/code": "deep", "/a~1b": "slash", "/~0": "tilde", "/~01": "tilde one", "/": "no name",
		"/errors/1/code": "second",
	} {
		got, ok := profile.Lookup([]byte(`{"status":"BAD","error":{"code":"deep"},"a/b":"slash","~":"tilde","~1":"tilde one","":"no name","errors":[{},{"code":"second"}]}`), pointer)
		require.True(t, ok, pointer)
		require.Equal(t, want, got)
	}
	for _, pointer := range []string{"/errors/2/code", "/errors/-1/code", "/errors/01/code", "/errors/-/code", "/errors/1", "/errors"} {
		_, ok := profile.Lookup([]byte(`{"errors":[{},{"code":"second"}]}`), pointer)
		require.False(t, ok, pointer)
	}
	for _, body := range []string{``, `[]`, `null`, `{"status":5}`, `{"status":null}`, `{"status":{}}`, `{"stat`, `"x"`} {
		_, ok := profile.Lookup([]byte(body), "/status")
		require.False(t, ok, body)
	}
}
