// Package systemtest has systems that break a promise, for the tests of those who rely on
// it.
package systemtest

import (
	"os"

	"github.com/bezoar-auth/bezoar/store/system"
)

// WithExchange is this system with another exchange.
func WithExchange(exchange func(a, b string) error) system.System {
	return exchanging{system.Here, exchange}
}

type exchanging struct {
	system.System
	exchange func(a, b string) error
}

func (s exchanging) Exchange(a, b string) error { return s.exchange(a, b) }

// WithRename is this system with another rename.
func WithRename(rename func(from, to string) error) system.System {
	return renaming{system.Here, rename}
}

type renaming struct {
	system.System
	rename func(from, to string) error
}

func (s renaming) Rename(from, to string) error { return s.rename(from, to) }

// WithSync is this system with another sync.
func WithSync(sync func(file *os.File) error) system.System { return syncing{system.Here, sync} }

type syncing struct {
	system.System
	sync func(file *os.File) error
}

func (s syncing) Sync(file *os.File) error { return s.sync(file) }
