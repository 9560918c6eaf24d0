//go:build unix

package file

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bezoar-auth/bezoar/machine/machinetest"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

func TestPipeInPlaceOfTheLedgerBlocksNoCall(t *testing.T) {
	ledger := openTestLedger(t, LedgerOptions{})
	require.NoError(t, syscall.Mkfifo(ledger.journal.path, 0o600))
	requireNoLedger(t, ledger)
}

func TestALedgerThatMayNotBeWrittenIsStillRead(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := machinetest.Dir(t)
	appendAll(t, OpenLedger(dir, storetest.LedgerIssuer, LedgerOptions{}), refusal(1))
	require.NoError(t, os.Chmod(filepath.Join(dir, "auth.ledger"), 0o400))
	require.NoError(t, os.Chmod(dir, 0o500))
	t.Cleanup(func() { os.Chmod(dir, 0o700) })
	ledger := OpenLedger(dir, storetest.LedgerIssuer, LedgerOptions{})
	require.Len(t, verdictsOf(t, ledger), 1)
	require.Error(t, ledger.Append(background, refusal(2)))
}
