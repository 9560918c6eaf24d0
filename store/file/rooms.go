package file

import (
	"slices"
	"sync"
)

// rooms are the files of this process that are held for the next swap.
type rooms struct {
	mu   sync.Mutex
	free []*temp
}

// keep holds a room for the next swap.
func (r *rooms) keep(room *temp) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.free = append(r.free, room)
}

// take is a room beside the login at this place, nil if none is held there.
func (r *rooms) take(where place) *temp {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.IndexFunc(r.free, func(room *temp) bool { return room.where == where })
	if at < 0 {
		return nil
	}
	room := r.free[at]
	r.free = slices.Delete(r.free, at, at+1)
	return room
}

// isFree takes the room if it may be given back: it is not in use, and what
// is in it is in place, or was never meant to be.
func (r *rooms) isFree(room *temp) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	at := slices.Index(r.free, room)
	if at < 0 || room.isKept {
		return false
	}
	r.free = slices.Delete(r.free, at, at+1)
	return true
}
