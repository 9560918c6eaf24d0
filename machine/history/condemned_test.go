package history_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

func numbered(n int) secret.Fingerprint { return secret.New(fmt.Sprint("token ", n)).Fingerprint() }

// spentIn is what is left of so many refreshes, the newest of which is the last.
func spentIn(from, to int) history.Condemned {
	var c history.Condemned
	for n := from; n < to; {
		var batch []history.Verdict
		for ; n < to && len(batch) < 1000; n++ {
			batch = append(batch, history.Verdict{TokenID: numbered(n), Reason: history.ReasonSpent})
		}
		c = c.With(batch...)
	}
	return c
}

func TestCondemnedRemembersYears(t *testing.T) {
	const years = 7 * 365 * 24
	known := history.TokenHistory{Condemned: spentIn(0, years)}
	for n := range years {
		verdict := known.VerdictOn(numbered(n))
		require.NotNil(t, verdict, n)
		require.Equal(t, history.Verdict{TokenID: numbered(n), Reason: history.ReasonSpent}, *verdict)
		require.Nil(t, known.VerdictOn(numbered(-n-1)), n)
	}
	require.Nil(t, known.VerdictOn(""))
}

func TestCondemnedDropsTheOldest(t *testing.T) {
	c := spentIn(0, 1<<18)
	texts := c.Texts(1 << 20)
	require.Len(t, texts, 1)
	require.LessOrEqual(t, len(texts[0]), 2*(1<<16)*8)
	known := history.TokenHistory{Condemned: c}
	require.Nil(t, known.VerdictOn(numbered(0)))
	require.NotNil(t, known.VerdictOn(numbered(1<<18-1)))
}

func TestARefusalIsStillOneWhenItsDetailsAreForgotten(t *testing.T) {
	refused := history.Verdict{TokenID: "refused", Access: "access", Reason: history.ReasonExpired}
	spent := history.Verdict{TokenID: "refused", Reason: history.ReasonSpent}
	for _, c := range []history.Condemned{history.Condemned{}.With(refused, spent), history.Condemned{}.With(spent).With(refused)} {
		verdict := history.TokenHistory{Condemned: c}.VerdictOn("refused")
		require.Equal(t, history.Verdict{TokenID: "refused", Reason: history.ReasonInvalidGrant}, *verdict)
		full := history.TokenHistory{Condemned: c, Verdicts: []history.Verdict{refused}}.VerdictOn("refused")
		require.Equal(t, refused, *full)
	}
}

func TestKeysGoThroughTextsAndOtherTextsHaveNone(t *testing.T) {
	c := spentIn(0, 2500)
	texts := c.Texts(1000)
	require.Len(t, texts, 3)
	var read history.Condemned
	for _, each := range texts {
		read = read.Parse(each)
	}
	require.Equal(t, c, read)
	require.Equal(t, read, read.Parse(texts[1]), "the same keys once more are the same keys")
	for _, other := range []string{"", "?", "QUJD", texts[0][:12]} {
		require.Equal(t, c, c.Parse(other), other)
	}
}
