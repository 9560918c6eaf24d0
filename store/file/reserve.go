package file

import (
	"context"
	"crypto/rand"
	"os"

	"github.com/bezoar-auth/bezoar/machine"
	"github.com/bezoar-auth/bezoar/store"
)

// reserveMargin is how much more than the login of now there must be room for,
// beside as much again: new tokens may be longer.
const reserveMargin = 16 << 10

// Reserve implements [store.Store]. It makes, syncs and removes a file beside
// the login.
func (s *Store) Reserve(_ context.Context, c machine.Credential) error {
	where, err := s.find()
	if err == nil {
		err = where.hasSuccessor()
	}
	if err == nil {
		err = s.reserve(where, c)
	}
	return undurable("reserve room for a new login", err)
}

// hasSuccessor is a conflict if there is a new login beside the one in place: of
// somebody who died, and whom somebody else is about to finish for. Only who
// did not get the lock comes just then.
func (p place) hasSuccessor() error {
	beside := p.leftovers()
	found, _ := p.read() // nothing there has no successor
	for _, each := range beside {
		_, err := store.Decode(each.content)
		if err == nil && each.isWhole() && each.was == mark(revisionOf(found.raw)) {
			return &store.ConflictError{}
		}
	}
	return nil
}

func (s *Store) reserve(where place, c machine.Credential) error {
	inPlace, err := where.mustStay()
	if err == nil && inPlace {
		err = canWrite(where.path)
	}
	if err != nil {
		return err
	}
	found, _ := where.read() // without a login there is nothing more to keep
	content, err := store.Encode(c, found.content)
	if err != nil {
		return err
	}
	room := make([]byte, 2*len(content)+reserveMargin)
	rand.Read(room) // a disk that compresses has room for any number of zeros
	t, err := s.stage(where, change{verb: "reserve", content: room})
	if err != nil {
		return err
	}
	s.discard(t)
	return nil
}

func canWrite(path string) error {
	file, _, err := openFile(path, os.O_WRONLY)
	if err != nil {
		return err
	}
	return file.Close()
}
