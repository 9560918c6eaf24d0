package cli

import (
	"runtime/debug"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestVersionFindsTheRevision(t *testing.T) {
	built := func(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
		return &debug.BuildInfo{Main: debug.Module{Version: version}, Settings: settings}
	}
	seen := debug.BuildSetting{Key: "vcs.revision", Value: "0123456789abcdef"}
	require.Equal(t, "", revisionOf(built("(devel)"), ""))
	require.Equal(t, "", revisionOf(built("v1.2.3"), ""))
	require.Equal(t, "fa95d2626105", revisionOf(built("v0.0.0-20261127115517-fa95d2626105"), ""))
	require.Equal(t, "fa95d2626105", revisionOf(built("v1.2.4-0.20261127115517-fa95d2626105"), ""))
	require.Equal(t, "0123456789abcdef", revisionOf(built("(devel)", seen, debug.BuildSetting{Key: "vcs.modified", Value: "false"}), ""))
	require.Equal(t, "0123456789abcdef+changes", revisionOf(built("(devel)", seen, debug.BuildSetting{Key: "vcs.modified", Value: "true"}), ""))
	require.Equal(t, "abc", revisionOf(built("(devel)", seen), "abc"))
}
