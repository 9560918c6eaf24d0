package jsonrpc

import (
	"encoding/binary"
	"math/bits"
)

// maxDepth is how deep arrays and objects may nest, as in encoding/json.
const maxDepth = 10_000

// A scanner walks once over a JSON text (RFC 8259) and accepts what json.Valid accepts. It
// exists for its price: a status poll costs a tenth of what encoding/json takes. Each
// method leaves at behind the value that it read, so that members are cut out of the line
// without a copy, and reports whether the text was well-formed; after a false at has no
// meaning.
type scanner struct {
	text []byte
	at   int
}

// object reads an object and calls visit, if it is not nil, with each member: the name with
// its quotes, and the value.
func (s *scanner) object(depth int, visit func(name, value []byte)) bool {
	if depth > maxDepth || !s.take('{') {
		return false
	}
	s.space()
	if s.take('}') {
		return true
	}
	for {
		s.space()
		start := s.at
		if !s.string() {
			return false
		}
		name := s.text[start:s.at]
		s.space()
		if !s.take(':') {
			return false
		}
		s.space()
		start = s.at
		if !s.value(depth) {
			return false
		}
		if visit != nil {
			visit(name, s.text[start:s.at])
		}
		s.space()
		if !s.take(',') {
			return s.take('}')
		}
	}
}

func (s *scanner) array(depth int) bool {
	if depth > maxDepth || !s.take('[') {
		return false
	}
	s.space()
	if s.take(']') {
		return true
	}
	for {
		s.space()
		if !s.value(depth) {
			return false
		}
		s.space()
		if !s.take(',') {
			return s.take(']')
		}
	}
}

// value reads any value that stands in depth arrays and objects.
func (s *scanner) value(depth int) bool {
	if s.at == len(s.text) {
		return false
	}
	switch s.text[s.at] {
	case '{':
		return s.object(depth+1, nil)
	case '[':
		return s.array(depth + 1)
	case '"':
		return s.string()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		return s.number()
	}
}

func (s *scanner) string() bool {
	if !s.take('"') {
		return false
	}
	for {
		s.plain()
		if s.at == len(s.text) {
			return false
		}
		c := s.text[s.at]
		s.at++
		switch {
		case c == '"':
			return true
		case c < ' ':
			return false
		case c == '\\' && !s.escape():
			return false
		}
	}
}

// plain steps over the bytes of a string that need no look, eight at a time: most of what
// passes is text.
func (s *scanner) plain() {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for s.at+8 <= len(s.text) {
		w := binary.LittleEndian.Uint64(s.text[s.at:])
		quote, escape := w^(ones*'"'), w^(ones*'\\')
		// In each, the lowest byte with its high bit set is the first that is zero, or, in
		// the last, less than a space. Higher ones may be set by a borrow.
		found := (quote-ones)&^quote | (escape-ones)&^escape | (w-ones*' ')&^w
		if found &= highs; found != 0 {
			s.at += bits.TrailingZeros64(found) / 8
			return
		}
		s.at += 8
	}
	for s.at < len(s.text) && s.text[s.at] != '"' && s.text[s.at] != '\\' && s.text[s.at] >= ' ' {
		s.at++
	}
}

// escape reads the rest of an escape sequence, behind the backslash.
func (s *scanner) escape() bool {
	if s.at == len(s.text) {
		return false
	}
	c := s.text[s.at]
	s.at++
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	case 'u':
		for range 4 {
			if !s.hexDigit() {
				return false
			}
		}
		return true
	default:
		return false
	}
}

func (s *scanner) hexDigit() bool {
	if s.at == len(s.text) {
		return false
	}
	c := s.text[s.at]
	s.at++
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

func (s *scanner) number() bool {
	s.take('-')
	if !s.take('0') && !s.digits() {
		return false
	}
	if s.take('.') && !s.digits() {
		return false
	}
	if s.take('e') || s.take('E') {
		if !s.take('+') {
			s.take('-')
		}
		return s.digits()
	}
	return true
}

// digits reads one digit or more.
func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > start
}

func (s *scanner) word(w string) bool {
	end := s.at + len(w)
	if end > len(s.text) || string(s.text[s.at:end]) != w {
		return false
	}
	s.at = end
	return true
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\r', '\n':
			s.at++
		default:
			return
		}
	}
}

// take steps over c if it is the next byte.
func (s *scanner) take(c byte) bool {
	if s.at == len(s.text) || s.text[s.at] != c {
		return false
	}
	s.at++
	return true
}
