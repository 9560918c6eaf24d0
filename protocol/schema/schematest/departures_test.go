package schematest

import (
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/protocol/schema"
)

func TestEveryMessageIsHeldAgainstTheReferenceOrHasAReason(t *testing.T) {
	for _, method := range schema.Methods() {
		for _, name := range []string{method.Params, method.Result} {
			if name == "" {
				continue
			}
			_, known := reference()[name]
			require.NotEqual(t, known, departures[name] != "", "%s: either the reference's schema or a reason", name)
		}
	}
}

func TestEveryTypeOfTheReferenceIsPublishedOrHasAReason(t *testing.T) {
	files := referenceFiles()
	require.NotEmpty(t, files)
	for name := range files {
		_, published := ours()[name]
		require.NotEqual(t, published, leftOut[name] != "", "%s: either a type or a reason", name)
	}
	require.Subset(t, slices.Collect(maps.Keys(files)), slices.Collect(maps.Keys(leftOut)))
}

func TestTheReferencesSchemaIsAskedToo(t *testing.T) {
	const onlyTheirs = "AccountRateLimitsUpdatedNotification"
	require.NotContains(t, ours(), onlyTheirs)
	require.NoError(t, conforms(onlyTheirs, decode([]byte(`{"rateLimits":{}}`))))
	require.Error(t, conforms(onlyTheirs, decode([]byte(`{}`))))
}
