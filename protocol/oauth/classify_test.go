package oauth_test

import (
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
	"github.com/bezoar-auth/bezoar/protocol/oauth"
)

var noon = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

func classify(status int, body string) machine.Answer {
	return oauth.Classify(status, http.Header{}, []byte(body), noon)
}

// The rows of codex-auth.md section 6, with 0.169.0's column.
func TestARefusalIsWhatTheReferenceTakesForOne(t *testing.T) {
	const html = "<html><body>401 Authorization Required</body></html>"
	for name, row := range map[string]struct {
		status int
		body   string
		reason machine.Reason
	}{
		"401 without a body":            {401, "", machine.ReasonUnexplained},
		"401 with a page":               {401, html, machine.ReasonUnexplained},
		"401 with half an object":       {401, `{"error":{"code":"refresh_token_re`, machine.ReasonUnexplained},
		"401 with an unknown code":      {401, `{"error":{"code":"new_thing"}}`, machine.ReasonUnexplained},
		"401 about the client":          {401, `{"error":"invalid_client"}`, machine.ReasonUnexplained},
		"401 with a code that is null":  {401, `{"error":null}`, machine.ReasonUnexplained},
		"401 with an array":             {401, `["refresh_token_reused"]`, machine.ReasonUnexplained},
		"401 with a grant in it":        {401, `{"access_token":"a","refresh_token":"r"}`, machine.ReasonUnexplained},
		"401 expired":                   {401, `{"error":{"code":"refresh_token_expired"}}`, machine.ReasonExpired},
		"401 reused":                    {401, `{"error":{"code":"refresh_token_reused"}}`, machine.ReasonReused},
		"401 invalidated":               {401, `{"error":{"code":"refresh_token_invalidated"}}`, machine.ReasonRevoked},
		"401 with a string as error":    {401, `{"error":"refresh_token_reused"}`, machine.ReasonReused},
		"401 with a code at the top":    {401, `{"code":"refresh_token_reused"}`, machine.ReasonReused},
		"401 in capitals":               {401, `{"error":{"code":"REFRESH_TOKEN_REUSED"}}`, machine.ReasonReused},
		"401 invalid_grant":             {401, `{"error":"invalid_grant"}`, machine.ReasonInvalidGrant},
		"400 expired":                   {400, `{"error":{"code":"refresh_token_expired"}}`, machine.ReasonExpired},
		"403 reused":                    {403, `{"error":{"code":"refresh_token_reused"}}`, machine.ReasonReused},
		"500 invalidated":               {500, `{"error":{"code":"refresh_token_invalidated"}}`, machine.ReasonRevoked},
		"400 invalid_grant":             {400, `{"error":"invalid_grant","error_description":"x"}`, machine.ReasonInvalidGrant},
		"400 invalid_grant in error":    {400, `{"error":{"code":"invalid_grant"}}`, machine.ReasonInvalidGrant},
		"200 in GitHub's way":           {200, `{"error":"bad_refresh_token"}`, machine.ReasonInvalidGrant},
		"200 with the standard's code":  {200, `{"error":"invalid_grant"}`, machine.ReasonInvalidGrant},
		"200 reused":                    {200, `{"error":{"code":"refresh_token_reused"}}`, machine.ReasonReused},
		"200 reused, with null tokens":  {200, `{"access_token":null,"error":"refresh_token_reused"}`, machine.ReasonReused},
		"200 reused, with empty tokens": {200, `{"access_token":"","error":"refresh_token_reused"}`, machine.ReasonReused},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, machine.Refused{Reason: row.reason}, bare(classify(row.status, row.body)))
		})
	}
}

func TestWhatIsNoRefusalIsTriedAgain(t *testing.T) {
	const lost, notLost = true, false
	for name, row := range map[string]struct {
		status int
		body   string
		lost   bool
	}{
		"429 invalid_grant":         {429, `{"error":"invalid_grant"}`, notLost},
		"500 invalid_grant":         {500, `{"error":"invalid_grant"}`, notLost},
		"403 invalid_grant":         {403, `{"error":"invalid_grant"}`, notLost},
		"400 without a body":        {400, "", notLost},
		"400 with another code":     {400, `{"error":"invalid_request"}`, notLost},
		"400 with half an object":   {400, `{"error":"invalid_gr`, notLost},
		"403 with a page":           {403, "<html>forbidden</html>", notLost},
		"404":                       {404, "", notLost},
		"407":                       {407, "", notLost},
		"302":                       {302, "", notLost},
		"307":                       {307, `{"error":"invalid_grant"}`, notLost},
		"500":                       {500, "", notLost},
		"502 with a page":           {502, "<html>bad gateway</html>", lost},
		"503":                       {503, "", notLost},
		"200 without a body":        {200, "", lost},
		"200 with a page":           {200, "<html>welcome</html>", lost},
		"200 with half a grant":     {200, `{"access_token":"a","refresh_tok`, lost},
		"200 with an array":         {200, `[]`, lost},
		"200 with null":             {200, `null`, lost},
		"200 with numbers":          {200, `{"access_token":1,"refresh_token":2}`, lost},
		"200 with one number":       {200, `{"refresh_token":2}`, lost},
		"200 with another number":   {200, `{"access_token":1}`, lost},
		"200 with empty tokens":     {200, `{"access_token":"","refresh_token":""}`, lost},
		"200 with a bad ID token":   {200, `{"id_token":7}`, lost},
		"200 with another refusal":  {200, `{"error":"incorrect_client_credentials"}`, notLost},
		"200 with two objects":      {200, `{"access_token":"a"}{"error":"invalid_grant"}`, lost},
		"a status that nobody uses": {999, "", notLost},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, machine.Unavailable{Lost: row.lost}, bare(classify(row.status, row.body)))
		})
	}
}

func TestAGrantHasTheTokensThatCame(t *testing.T) {
	for name, row := range map[string]struct {
		body                string
		id, access, refresh string
	}{
		"all":                         {`{"id_token":"i","access_token":"a","refresh_token":"r"}`, "i", "a", "r"},
		"access only":                 {`{"access_token":"a"}`, "", "a", ""},
		"refresh only":                {`{"refresh_token":"r"}`, "", "", "r"},
		"ID token only":               {`{"id_token":"i"}`, "i", "", ""},
		"none":                        {`{}`, "", "", ""},
		"nulls":                       {`{"id_token":null,"access_token":null,"refresh_token":null}`, "", "", ""},
		"a rotation beside a number":  {`{"access_token":5,"refresh_token":"r","id_token":[]}`, "", "", "r"},
		"a rotation beside an error":  {`{"access_token":"a","refresh_token":"r","error":"invalid_grant"}`, "", "a", "r"},
		"members that nobody knows":   {`{"access_token":"a","expires_in":3600,"error":null}`, "", "a", ""},
		"blanks around":               {" \r\n{\"access_token\":\"a\"}\n", "", "a", ""},
		"an empty refresh token with": {`{"access_token":"a","refresh_token":""}`, "", "a", ""},
	} {
		t.Run(name, func(t *testing.T) {
			for _, status := range []int{200, 201} {
				granted, ok := classify(status, row.body).(machine.Granted)
				require.True(t, ok, "no grant")
				require.Equal(t, fingerprintOf(row.id), granted.Grant.IDToken.Fingerprint())
				require.Equal(t, fingerprintOf(row.access), granted.Grant.AccessToken.Fingerprint())
				require.Equal(t, fingerprintOf(row.refresh), granted.Grant.RefreshToken.Fingerprint())
			}
		})
	}
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
				require.Equal(t, machine.Unavailable{RetryAfter: row.want}, bare(answer))
			}
		})
	}
}
