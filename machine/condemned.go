package machine

import (
	"encoding/base64"
	"hash/fnv"
	"slices"

	"github.com/bezoar-auth/bezoar/machine/secret"
)

// Condemned are the keys of all refresh tokens that were refused or spent, for
// much longer than their verdicts are kept in full: a token that comes back from a
// backup after years must not be posted, for the issuer would end the login that
// is in use. Of a key no more is kept than tells it from others (47 bits; of
// 100,000 keys, one in a billion tokens would be taken for one of them).
//
// The zero Condemned has none. It is a value, and what is made of it shares what
// neither changes.
type Condemned struct {
	older, newer []uint64 // sorted; a mark is the key's bits and whether it was refused
}

// condemnedLimit bounds each half. Of 65,536 keys one is made in an hour for more
// than seven years; then the older half goes.
const condemnedLimit = 1 << 16

// With is c and the keys of these verdicts.
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
	_, isOlder := slices.BinarySearch(c.older, mark)
	_, isNewer := slices.BinarySearch(c.newer, mark)
	return isOlder || isNewer
}

// Len is how many keys there are.
func (c Condemned) Len() int { return len(c.older) + len(c.newer) }

// on is the verdict on a key, without the details that are not kept.
func (c Condemned) on(key secret.Fingerprint) (Verdict, bool) {
	switch {
	case key == "":
		return Verdict{}, false
	case c.has(markOf(key, true)):
		return Verdict{TokenID: key, Reason: ReasonInvalidGrant}, true
	}
	return Verdict{TokenID: key, Reason: ReasonSpent}, c.has(markOf(key, false))
}

// markOf is stable: it stands in ledgers.
func markOf(key secret.Fingerprint, isRefused bool) uint64 {
	hash := fnv.New64a()
	hash.Write([]byte(key))
	mark := hash.Sum64() >> 17 << 1
	if isRefused {
		mark |= 1
	}
	return mark
}

// markBytes is how long a mark is in a text.
const markBytes = 6

// Texts are the keys in texts of at most the given number of keys each, the oldest
// first, for [Condemned.Parse].
func (c Condemned) Texts(keys int) []string {
	var texts []string
	for part := range slices.Chunk(slices.Concat(c.older, c.newer), keys) {
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

// Parse is c and the keys in a text. What is no text of keys has none.
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
