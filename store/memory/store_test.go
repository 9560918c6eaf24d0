package memory_test

import (
	"testing"

	"github.com/bezoar-auth/bezoar/machine/persist"
	"github.com/bezoar-auth/bezoar/store/memory"
	"github.com/bezoar-auth/bezoar/store/storetest"
)

// storeSite is a store in memory that all its processes share.
type storeSite struct{ store *memory.Store }

func (s storeSite) Open() persist.Store { return s.store }

func TestStoreKeepsTheContract(t *testing.T) {
	storetest.RunStore(t, func(*testing.T) storetest.StoreSite { return storeSite{memory.NewStore()} })
}
