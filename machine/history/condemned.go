package history

import (
	"encoding/base64"
	"hash/fnv"
	"slices"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Condemned are the ids of all refresh tokens that were refused or spent, for
// much longer than their verdicts are kept in full: a token that comes back from a
// backup after years must not be posted, for the issuer would end the login that
// is in use. Of an id no more is kept than tells it from others (47 bits; with
// 100,000 ids, one in a billion tokens would be taken for one of them).
//
// The zero Condemned has none. It is a value.
type Condemned struct {
	older, newer []uint64 // sorted; a mark is bits of the id, and whether it was refused
}

// condemnedLimit bounds each half. At one refresh an hour it takes more than seven
// years to fill one; then the older half goes.
const condemnedLimit = 1 << 16

// With is c and the ids of these verdicts.
func (c Condemned) With(verdicts ...Verdict) Condemned {
	marks := make([]uint64, 0, len(verdicts))
	for _, each := range verdicts {
		marks = append(marks, markOf(each.TokenID, each.Reason != ReasonSpent))
	}
	return c.with(marks)
}

func (c Condemned) with(marks []uint64) Condemned {
	marks = slices.DeleteFunc(marks, c.has)
	if len(marks) == 0 {
		return c
	}
	c.newer = slices.Concat(c.newer, marks)
	slices.Sort(c.newer)
	c.newer = slices.Compact(c.newer)
	if len(c.newer) >= condemnedLimit {
		c.older, c.newer = c.newer, nil
	}
	return c
}

func (c Condemned) has(mark uint64) bool {
	_, older := slices.BinarySearch(c.older, mark)
	_, newer := slices.BinarySearch(c.newer, mark)
	return older || newer
}

// Len is how many ids there are.
func (c Condemned) Len() int { return len(c.older) + len(c.newer) }

// on is the verdict on a refresh token, without the details that are not kept.
func (c Condemned) on(id secret.Fingerprint) (Verdict, bool) {
	switch {
	case id == "":
		return Verdict{}, false
	case c.has(markOf(id, true)):
		return Verdict{TokenID: id, Reason: ReasonInvalidGrant}, true
	}
	return Verdict{TokenID: id, Reason: ReasonSpent}, c.has(markOf(id, false))
}

// markOf is stable: it stands in ledgers.
func markOf(id secret.Fingerprint, refused bool) uint64 {
	hash := fnv.New64a()
	hash.Write([]byte(id))
	mark := hash.Sum64() >> 17 << 1
	if refused {
		mark |= 1
	}
	return mark
}

// markBytes is how long a mark is in a text.
const markBytes = 6

// Texts are the ids in texts of at most the given number each, the oldest
// first, for [Condemned.Parse].
func (c Condemned) Texts(each int) []string {
	var texts []string
	for part := range slices.Chunk(slices.Concat(c.older, c.newer), each) {
		var text []byte
		for _, mark := range part {
			for shift := 8 * (markBytes - 1); shift >= 0; shift -= 8 {
				text = append(text, byte(mark>>shift))
			}
		}
		texts = append(texts, base64.StdEncoding.EncodeToString(text))
	}
	return texts
}

// Parse is c and the ids in a text of [Condemned.Texts]. Any other text has none.
func (c Condemned) Parse(text string) Condemned {
	read, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(read)%markBytes != 0 {
		return c
	}
	var marks []uint64
	for part := range slices.Chunk(read, markBytes) {
		mark := uint64(0)
		for _, each := range part {
			mark = mark<<8 | uint64(each)
		}
		marks = append(marks, mark)
	}
	return c.with(marks)
}
