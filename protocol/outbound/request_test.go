package outbound

import (
	"net/http"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/evidence"
)

func TestAnAddressThatIsNoURLIsSaidToBeNone(t *testing.T) {
	for _, address := range []string{"", "issuer.test", "ftp://issuer.test/", "https://", "://", "http://a b/"} {
		_, err := Rules{}.NewRequest(t.Context(), http.MethodGet, address, nil)
		require.Equal(t, evidence.ProblemAddress, err, address)
	}
	_, err := Rules{}.NewRequest(t.Context(), http.MethodGet, "https://issuer.test/", nil)
	require.NoError(t, err)
}

func TestARequestSaysWhichProgramItIsFor(t *testing.T) {
	var introduction Introduction
	signed := func() (originator, userAgent string) {
		request, err := Rules{}.NewRequest(t.Context(), http.MethodGet, "https://issuer.test/", nil)
		require.NoError(t, err)
		introduction.Sign(request)
		return request.Header.Get("Originator"), request.Header.Get("User-Agent")
	}
	originator, userAgent := signed()
	require.Equal(t, "bezoar bezoar", originator+" "+userAgent, "nobody has introduced himself yet")

	introduction.Introduce("evil\r\nAuthorization: x", "tab\tnul\x00 müsli")
	originator, userAgent = signed()
	require.Equal(t, "evil__Authorization: x", originator)
	require.Equal(t, "tab_nul_ müsli", userAgent)
	require.True(t, FitsHeader(originator) && FitsHeader(userAgent))
}

// The race detector is the judge.
func TestAnIntroductionMayComeInTheMiddleOfARequest(t *testing.T) {
	var introduction Introduction
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() { introduction.Introduce("editor", "editor/1") })
		all.Go(func() { require.Contains(t, []string{"bezoar", "editor"}, introduction.Originator()) })
	}
	all.Wait()
}
