package machine_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/machine/secret"
)

func numbered(n int) secret.Fingerprint { return secret.New(fmt.Sprint("token ", n)).Fingerprint() }

// spentIn is what is left of so many refreshes, the newest of which is the last.
func spentIn(from, to int) machine.Condemned {
	var c machine.Condemned
	for n := from; n < to; {
		var batch []machine.Verdict
		for ; n < to && len(batch) < 1000; n++ {
			batch = append(batch, machine.Verdict{TokenID: numbered(n), Reason: machine.ReasonSpent})
		}
		c = c.With(batch...)
	}
	return c
}

func TestYearsOfKeysAreRememberedAndNoOtherIsTakenForOne(t *testing.T) {
	const years = 7 * 365 * 24
	lineage := machine.TokenHistory{Condemned: spentIn(0, years)}
	for n := range years {
		verdict := lineage.VerdictOn(numbered(n))
		require.NotNil(t, verdict, n)
		require.Equal(t, machine.Verdict{TokenID: numbered(n), Reason: machine.ReasonSpent}, *verdict)
		require.Nil(t, lineage.VerdictOn(numbered(-n-1)), n)
	}
	require.Nil(t, lineage.VerdictOn(""))
}

func TestTheOldestKeysMakeRoomForNewOnes(t *testing.T) {
	c := spentIn(0, 1<<18)
	texts := c.Texts(1 << 20)
	require.Len(t, texts, 1)
	require.LessOrEqual(t, len(texts[0]), 2*(1<<16)*8)
	lineage := machine.TokenHistory{Condemned: c}
	require.Nil(t, lineage.VerdictOn(numbered(0)))
	require.NotNil(t, lineage.VerdictOn(numbered(1<<18-1)))
}

func TestARefusalIsStillOneWhenItsDetailsAreForgotten(t *testing.T) {
	refused := machine.Verdict{TokenID: "refused", Access: "access", Reason: machine.ReasonExpired}
	spent := machine.Verdict{TokenID: "refused", Reason: machine.ReasonSpent}
	for _, c := range []machine.Condemned{machine.Condemned{}.With(refused, spent), machine.Condemned{}.With(spent).With(refused)} {
		verdict := machine.TokenHistory{Condemned: c}.VerdictOn("refused")
		require.Equal(t, machine.Verdict{TokenID: "refused", Reason: machine.ReasonInvalidGrant}, *verdict)
		full := machine.TokenHistory{Condemned: c, Verdicts: []machine.Verdict{refused}}.VerdictOn("refused")
		require.Equal(t, refused, *full)
	}
}

func TestKeysGoThroughTextsAndOtherTextsHaveNone(t *testing.T) {
	c := spentIn(0, 2500)
	texts := c.Texts(1000)
	require.Len(t, texts, 3)
	var read machine.Condemned
	for _, each := range texts {
		read = read.Parse(each)
	}
	require.Equal(t, c, read)
	require.Equal(t, read, read.Parse(texts[1]), "the same keys once more are the same keys")
	for _, other := range []string{"", "?", "QUJD", texts[0][:12]} {
		require.Equal(t, c, c.Parse(other), other)
	}
}
