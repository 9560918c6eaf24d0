package oauth_test

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/endpoint"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func classify(status int, body string) endpoint.Answer {
	return oauth.Classify(status, http.Header{}, []byte(body), noon)
}

// The rows of codex-auth.md section 6, with 0.169.0's column.
func TestRefusalsAreThoseOfCodex(t *testing.T) {
	for name, row := range map[string]struct {
		status int
		body   string
		reason history.Reason
	}{
		"401 without a body":            {401, "", history.ReasonUnexplained},
		"401 with half an object":       {401, `{"error":{"code":"refresh_token_re`, history.ReasonUnexplained},
		"401 with an unknown code":      {401, `{"error":{"code":"new_thing"}}`, history.ReasonUnexplained},
		"401 about the client":          {401, `{"error":"invalid_client"}`, history.ReasonUnexplained},
		"401 with a code that is null":  {401, `{"error":null}`, history.ReasonUnexplained},
		"401 with an array":             {401, `["refresh_token_reused"]`, history.ReasonUnexplained},
		"401 with a grant in it":        {401, `{"access_token":"a","refresh_token":"r"}`, history.ReasonUnexplained},
		"401 expired":                   {401, `{"error":{"code":"refresh_token_expired"}}`, history.ReasonExpired},
		"401 reused":                    {401, `{"error":{"code":"refresh_token_reused"}}`, history.ReasonReused},
		"401 invalidated":               {401, `{"error":{"code":"refresh_token_invalidated"}}`, history.ReasonRevoked},
		"401 with a string as error":    {401, `{"error":"refresh_token_reused"}`, history.ReasonReused},
		"401 with a code at the top":    {401, `{"code":"refresh_token_reused"}`, history.ReasonReused},
		"401 in capitals":               {401, `{"error":{"code":"REFRESH_TOKEN_REUSED"}}`, history.ReasonReused},
		"401 invalid_grant":             {401, `{"error":"invalid_grant"}`, history.ReasonInvalidGrant},
		"400 expired":                   {400, `{"error":{"code":"refresh_token_expired"}}`, history.ReasonExpired},
		"403 invalid_grant":             {403, `{"error":"invalid_grant"}`, history.ReasonInvalidGrant},
		"200 in Slack's way":            {200, `{"ok":false,"error":"invalid_refresh_token"}`, history.ReasonInvalidGrant},
		"200 as a form":                 {200, `error=bad_refresh_token&error_description=x`, history.ReasonInvalidGrant},
		"400 with a BOM":                {400, "\uFEFF{\"error\":\"invalid_grant\"}", history.ReasonInvalidGrant},
		"403 reused":                    {403, `{"error":{"code":"refresh_token_reused"}}`, history.ReasonReused},
		"500 invalidated":               {500, `{"error":{"code":"refresh_token_invalidated"}}`, history.ReasonRevoked},
		"429 reused":                    {429, `{"error":{"code":"refresh_token_reused"}}`, history.ReasonReused},
		"502 reused":                    {502, `{"error":{"code":"refresh_token_reused"}}`, history.ReasonReused},
		"503 reused":                    {503, `{"error":{"code":"refresh_token_reused"}}`, history.ReasonReused},
		"504 expired":                   {504, `{"error":"refresh_token_expired"}`, history.ReasonExpired},
		"400 invalid_grant":             {400, `{"error":"invalid_grant","error_description":"x"}`, history.ReasonInvalidGrant},
		"400 invalid_grant in error":    {400, `{"error":{"code":"invalid_grant"}}`, history.ReasonInvalidGrant},
		"200 in GitHub's way":           {200, `{"error":"bad_refresh_token"}`, history.ReasonInvalidGrant},
		"200 with the standard's code":  {200, `{"error":"invalid_grant"}`, history.ReasonInvalidGrant},
		"200 reused":                    {200, `{"error":{"code":"refresh_token_reused"}}`, history.ReasonReused},
		"200 reused, with null tokens":  {200, `{"access_token":null,"error":"refresh_token_reused"}`, history.ReasonReused},
		"200 reused, with empty tokens": {200, `{"access_token":"","error":"refresh_token_reused"}`, history.ReasonReused},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, endpoint.Refused{Reason: row.reason}, bare(classify(row.status, row.body)))
		})
	}
}

func TestOtherAnswersAreNoRefusals(t *testing.T) {
	const lost, notLost = true, false
	for name, row := range map[string]struct {
		status int
		body   string
		lost   bool
	}{
		"429 invalid_grant":           {429, `{"error":"invalid_grant"}`, notLost},
		"500 invalid_grant":           {500, `{"error":"invalid_grant"}`, notLost},
		"401 with a page":             {401, "<html>log in to the network</html>", notLost},
		"401 with a page and a BOM":   {401, "\uFEFF<!doctype html>", notLost},
		"400 with a page":             {400, `<html>{"error":"invalid_grant"}</html>`, notLost},
		"400 about the client":        {400, `{"error":"invalid_client"}`, notLost},
		"410":                         {410, "", notLost},
		"500 in Slack's words":        {500, `{"error":"invalid_refresh_token"}`, notLost},
		"200 out of order":            {200, `{"ok":false,"error":"internal_error"}`, notLost},
		"200 that is not ok":          {200, `{"ok":false,"access_token":"a"}`, notLost},
		"200 without success":         {200, `{"success":false,"message":"token expired"}`, notLost},
		"200 with an error in it":     {200, `{"error":{"message":"no"},"access_token":"a"}`, notLost},
		"200 with an error text":      {200, `{"access_token":"error: token is expired by 23m58s","refresh_token":""}`, notLost},
		"200 with a word for none":    {200, `{"access_token":"undefined"}`, notLost},
		"200 with an empty object":    {200, `{}`, notLost},
		"200 with nulls":              {200, `{"id_token":null,"access_token":null,"refresh_token":null}`, notLost},
		"200 with an ID token only":   {200, `{"id_token":"i"}`, notLost},
		"400 without a body":          {400, "", notLost},
		"400 with another code":       {400, `{"error":"invalid_request"}`, notLost},
		"400 with half an object":     {400, `{"error":"invalid_gr`, notLost},
		"403 with a page":             {403, "<html>forbidden</html>", notLost},
		"404":                         {404, "", notLost},
		"407":                         {407, "", notLost},
		"302":                         {302, "", notLost},
		"307":                         {307, `{"error":"invalid_grant"}`, notLost},
		"500":                         {500, "", notLost},
		"502 with a page":             {502, "<html>bad gateway</html>", lost},
		"503":                         {503, "", notLost},
		"502 invalid_grant":           {502, `{"error":"invalid_grant"}`, lost},
		"503 with the code in a page": {503, `<html>{"error":{"code":"refresh_token_reused"}}</html>`, notLost},
		"503 with the code in words":  {503, `{"error":{"message":"refresh_token_reused"}}`, notLost},
		"503 in a gateway's words":    {503, `{"message":"no healthy upstream","code":503}`, notLost},
		"200 without a body":          {200, "", lost},
		"200 with a page":             {200, "<html>welcome</html>", notLost},
		"200 with half a grant":       {200, `{"access_token":"a","refresh_tok`, lost},
		"200 with an array":           {200, `[]`, lost},
		"200 with null":               {200, `null`, lost},
		"200 with numbers":            {200, `{"access_token":1,"refresh_token":2}`, lost},
		"200 with one number":         {200, `{"refresh_token":2}`, lost},
		"200 with another number":     {200, `{"access_token":1}`, lost},
		"200 with empty tokens":       {200, `{"access_token":"","refresh_token":""}`, notLost},
		"200 with a bad ID token":     {200, `{"id_token":7}`, notLost},
		"200 with another refusal":    {200, `{"error":"incorrect_client_credentials"}`, notLost},
		"200 with two objects":        {200, `{"access_token":"a"}{"error":"invalid_grant"}`, lost},
		"a status without a meaning":  {999, "", notLost},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, endpoint.Unavailable{Lost: row.lost}, bare(classify(row.status, row.body)))
		})
	}
}

func TestResponseHasTheTokensThatCame(t *testing.T) {
	for name, row := range map[string]struct {
		body                string
		id, access, refresh string
	}{
		"all":                         {`{"id_token":"i","access_token":"a","refresh_token":"r"}`, "i", "a", "r"},
		"access only":                 {`{"access_token":"a"}`, "", "a", ""},
		"unknown members":             {`{"access_token":"a","expires_in":3600,"error":null}`, "", "a", ""},
		"a BOM":                       {"\uFEFF{\"access_token\":\"a\"}", "", "a", ""},
		"a form":                      {"access_token=a%2Bb%3D&refresh_token=r&token_type=bearer", "", "a+b=", "r"},
		"the later of two":            {`{"access_token":"a1","access_token":"a2","refresh_token":"r"}`, "", "a2", "r"},
		"a null behind a token":       {`{"access_token":"a","refresh_token":"r","refresh_token":null}`, "", "a", "r"},
		"all that a token may have":   {`{"access_token":"aZ09-._~+/=="}`, "", "aZ09-._~+/==", ""},
		"errors that are none":        {`{"access_token":"a","error":"","ok":true,"success":true}`, "", "a", ""},
		"blanks around":               {" \r\n{\"access_token\":\"a\"}\n", "", "a", ""},
		"an empty refresh token with": {`{"access_token":"a","refresh_token":""}`, "", "a", ""},
		"a word for no refresh token": {`{"access_token":"a","refresh_token":"undefined"}`, "", "a", ""},
		"cut off behind the tokens":   {`{"refresh_token":"r","access_token":"a","id_token":"i","scope":"op`, "i", "a", "r"},
		"cut off at the end":          {`{"access_token":"a","refresh_token":"r","id_token":"i"`, "i", "a", "r"},
		"something behind it":         {`{"access_token":"a","refresh_token":"r"}<!-- served by 7 -->`, "", "a", "r"},
		"an object behind it":         {`{"access_token":"a","refresh_token":"r"}{}`, "", "a", "r"},
	} {
		t.Run(name, func(t *testing.T) {
			for _, status := range []int{200, 201} {
				granted, ok := classify(status, row.body).(endpoint.Issued)
				require.True(t, ok, "no grant")
				require.Equal(t, fingerprintOf(row.id), granted.Response.IDToken.Fingerprint())
				require.Equal(t, fingerprintOf(row.access), granted.Response.AccessToken.Fingerprint())
				require.Equal(t, fingerprintOf(row.refresh), granted.Response.RefreshToken.Fingerprint())
			}
		})
	}
}

func TestRefreshTokenWithoutAUsableAccessTokenIsKept(t *testing.T) {
	for name, body := range map[string]string{
		"alone":                   `{"refresh_token":"r"}`,
		"beside a number":         `{"access_token":5,"refresh_token":"r","id_token":[]}`,
		"beside an error text":    `{"access_token":"error: no","refresh_token":"r"}`,
		"beside an error":         `{"access_token":"a","refresh_token":"r","error":"invalid_grant"}`,
		"beside what is not ok":   `{"ok":false,"error":"invalid_refresh_token","refresh_token":"r"}`,
		"as a form, beside error": `error=server_error&refresh_token=r`,
	} {
		answer, ok := classify(200, body).(endpoint.Unavailable)
		require.True(t, ok, name)
		require.Equal(t, fingerprintOf("r"), answer.RefreshTokenOnly.RefreshToken.Fingerprint(), name)
		require.True(t, answer.RefreshTokenOnly.AccessToken.IsAbsent(), name)
		require.False(t, answer.Lost, name)
	}
	for _, body := range []string{`{"refresh_token":"null"}`, `{"refresh_token":""}`, `{"refresh_token":"not found"}`, `{"refresh_token":7}`} {
		require.True(t, classify(200, body).(endpoint.Unavailable).RefreshTokenOnly.RefreshToken.IsAbsent(), body)
	}
}

// An ID token of one answer with the access token of another would be a login that the
// issuer never issued.
func TestTruncatedResponseGivesAllTokensOrNone(t *testing.T) {
	for _, body := range []string{
		`{"access_token":"a","refresh_token":"r"`,
		`{"access_token":"a","refresh_token":"r","id_token":"i`,
		`{"refresh_token":"r","access_token":"a`,
	} {
		answer, ok := classify(200, body).(endpoint.Unavailable)
		require.True(t, ok, body)
		require.True(t, answer.Lost, body)
		require.True(t, answer.RefreshTokenOnly.RefreshToken.IsAbsent(), body)
	}
}

func TestLifetimeThatWasCutOffIsNotRead(t *testing.T) {
	granted := classify(200, `{"access_token":"a","refresh_token":"r","id_token":"i","expires_in":36`).(endpoint.Issued)
	require.Zero(t, granted.Response.Lifetime)
}

func TestLifetimeOfAnAccessTokenIsRead(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"3600": time.Hour, `"3600"`: time.Hour, "1.5": 1500 * time.Millisecond, "6e1": time.Minute, `" 60 "`: time.Minute,
		"0": 0, "-1": 0, "null": 0, `"soon"`: 0, "1e300": 0, `"NaN"`: 0, `"Inf"`: 0, "[]": 0, "true": 0,
	} {
		granted := classify(200, `{"access_token":"a","expires_in":`+text+`}`).(endpoint.Issued)
		require.Equal(t, want, granted.Response.Lifetime, text)
	}
	require.Equal(t, time.Minute, classify(200, "access_token=a&expires_in=60").(endpoint.Issued).Response.Lifetime)
}

func fingerprintOf(text string) secret.Fingerprint { return secret.New(text).Fingerprint() }

func TestRetryAfterIsObeyedInBothForms(t *testing.T) {
	const day = 24 * time.Hour
	date := func(at time.Time) string { return at.Format(http.TimeFormat) }
	for name, row := range map[string]struct {
		retryAfter, date string
		want             time.Duration
	}{
		"seconds":                            {"120", "", 2 * time.Minute},
		"zero":                               {"0", "", 0},
		"nothing":                            {"", "", 0},
		"a negative number":                  {"-5", "", 0},
		"a fraction":                         {"1.5", "", 0},
		"words":                              {"soon", "", 0},
		"more seconds than a Duration holds": {"9223372037", "", math.MaxInt64 / time.Second * time.Second},
		"more than a number holds":           {strings.Repeat("9", 40), "", math.MaxInt64 / time.Second * time.Second},
		"a date":                             {date(noon.Add(90 * time.Second)), "", 90 * time.Second},
		"a date by a clock that is right":    {date(noon.Add(time.Minute)), date(noon), time.Minute},
		"a date by a clock a day ahead":      {date(noon.Add(day + time.Minute)), date(noon.Add(day)), time.Minute},
		"a date by a clock a day behind":     {date(noon.Add(time.Minute - day)), date(noon.Add(-day)), time.Minute},
		"a date that is past":                {date(noon.Add(-time.Minute)), "", 0},
		"a date and a broken Date":           {date(noon.Add(time.Minute)), "yesterday", time.Minute},
		"a date in RFC 850's form":           {noon.Add(time.Minute).Format("Monday, 02-Jan-06 15:04:05 GMT"), "", time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			header := http.Header{"Retry-After": {row.retryAfter}, "Date": {row.date}}
			for _, status := range []int{429, 503} {
				answer := oauth.Classify(status, header, nil, noon)
				require.Equal(t, endpoint.Unavailable{RetryAfter: row.want}, bare(answer))
			}
		})
	}
}
