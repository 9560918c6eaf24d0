package main

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/cmd/bezoar/scenetest"
	"github.com/bezoar-auth/bezoar/machine/history"
	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/file"
)

func TestFilesPageHasEveryFileOfAHome(t *testing.T) {
	s := scenetest.New(t, -time.Hour).Note(time.Hour, persist.Entry{Kind: persist.Refused, Reason: history.ReasonReused})
	ledger := file.OpenLedger(s.Home, s.Issuer, file.LedgerOptions{})
	require.NoError(t, ledger.Intend(context.Background(), persist.Entry{Kind: persist.Intended, At: scenetest.Noon, TokenID: "other"}, history.Doubt{}))
	unlock, err := file.Open(s.Home, file.Options{}).Lock(context.Background())
	require.NoError(t, err)
	unlock()
	found, err := os.ReadDir(s.Home)
	require.NoError(t, err)
	require.Greater(t, len(found), 4)
	page, _, _ := said("help", "files")
	var known []string
	for _, row := range regexp.MustCompile(`(?m)^  (\S.*?)(?:  |$)`).FindAllStringSubmatch(page, -1) {
		known = append(known, strings.Split(row[1], ", ")...)
	}
	for _, each := range found {
		require.True(t, slices.ContainsFunc(known, func(pattern string) bool {
			matched, err := filepath.Match(pattern, each.Name())
			return err == nil && matched
		}), "bezoar help files does not know %s", each.Name())
	}
}
