package elastic

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
	"unsafe"
)

// A scanner reads JSON from its beginning on, as a cluster writes it; bad is
// set where it is none. Answers are many megabytes while a window is counted,
// and encoding/json would take more time for them than all counting.
type scanner struct {
	b   []byte
	i   int
	bad bool
}

// peek returns the next byte that is no space, 0 at the end.
func (s *scanner) peek() byte {
	for ; s.i < len(s.b); s.i++ {
		if c := s.b[s.i]; c > ' ' {
			return c
		}
	}
	return 0
}

// take passes c, which must be next.
func (s *scanner) take(c byte) bool {
	if s.bad || s.peek() != c {
		s.bad = true
		return false
	}
	s.i++
	return true
}

// more passes a comma, or the bracket that ends what is read.
func (s *scanner) more(end byte) bool {
	if s.bad {
		return false
	}
	switch s.peek() {
	case ',':
		s.i++
		return true
	case end:
		s.i++
		return false
	}
	s.bad = true
	return false
}

// begins passes a bracket, and tells whether something is in it.
func (s *scanner) begins(open, end byte) bool {
	if !s.take(open) {
		return false
	}
	if s.peek() == end {
		s.i++
		return false
	}
	return true
}

// object reads an object: member is called for each, and reads its value.
func (s *scanner) object(member func(key []byte)) {
	for more := s.begins('{', '}'); more; more = s.more('}') {
		key, _ := s.quoted()
		if !s.take(':') || len(key) == 0 {
			s.bad = true
			return
		}
		member(key)
	}
}

// only reads the member of an object that is asked for.
func (s *scanner) only(name string, value func()) {
	s.object(func(key []byte) {
		if string(key) == name {
			value()
		} else {
			s.skip()
		}
	})
}

// array reads an array: element is called for each, and reads it.
func (s *scanner) array(element func()) {
	for more := s.begins('[', ']'); more; more = s.more(']') {
		element()
	}
}

// quoted passes a string and returns what stands between its quotes.
func (s *scanner) quoted() (raw []byte, escaped bool) {
	if !s.take('"') {
		return nil, false
	}
	from := s.i
	for ; s.i < len(s.b); s.i++ {
		switch s.b[s.i] {
		case '\\':
			escaped = true
			s.i++
		case '"':
			s.i++
			return s.b[from : s.i-1], escaped
		}
	}
	s.bad = true
	return nil, false
}

// text reads a string, or null, which is none. It lies in what is read, unless it has escapes.
func (s *scanner) text() (text string, ok bool) {
	if s.peek() == 'n' {
		s.skip()
		return "", false
	}
	from := s.i
	raw, escaped := s.quoted()
	if s.bad {
		return "", false
	}
	if escaped || !utf8.Valid(raw) {
		s.bad = json.Unmarshal(s.b[from:s.i], &text) != nil
		return text, !s.bad
	}
	return unsafe.String(unsafe.SliceData(raw), len(raw)), true
}

// plainToken passes what is neither string, object nor array.
func (s *scanner) plainToken() []byte {
	s.peek()
	from := s.i
	for s.i < len(s.b) && s.b[s.i] > ' ' && s.b[s.i] != ',' && s.b[s.i] != '}' && s.b[s.i] != ']' {
		s.i++
	}
	s.bad = s.bad || s.i == from
	return s.b[from:s.i]
}

// integer reads a number that is not negative.
func (s *scanner) integer() (n uint64) {
	raw := s.plainToken()
	if len(raw) > 18 {
		s.bad = true
	}
	for _, c := range raw {
		if c-'0' > 9 {
			s.bad = true
			return 0
		}
		n = n*10 + uint64(c-'0')
	}
	return n
}

// float reads a number.
func (s *scanner) float() float64 {
	raw := s.plainToken()
	x, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(raw), len(raw)), 64)
	s.bad = s.bad || err != nil
	return x
}

// startOfCount is how an object of one count begins, and lone passes it.
const startOfCount = `{"doc_count":`

// lone passes an object of one member, which is a number that is not negative,
// if that comes next and begins like this. Most of an answer is such objects.
func (s *scanner) lone(start string) (n uint64, ok bool) {
	i := s.i + len(start)
	if i > len(s.b) || string(s.b[s.i:i]) != start {
		return 0, false
	}
	from := i
	for ; i < len(s.b) && s.b[i]-'0' <= 9; i++ {
		n = n*10 + uint64(s.b[i]-'0')
	}
	if digits := i - from; digits == 0 || digits > 18 || i == len(s.b) || s.b[i] != '}' {
		return 0, false
	}
	s.i = i + 1
	return n, true
}

// isTrue reads true or something else.
func (s *scanner) isTrue() bool { return string(s.plainToken()) == "true" }

// skip passes any value.
func (s *scanner) skip() {
	if s.bad {
		return
	}
	switch s.peek() {
	case '"':
		s.quoted()
	case '{', '[':
		s.skipNested()
	default:
		s.plainToken()
	}
}

// skipNested passes an object or array, however deep it is.
func (s *scanner) skipNested() {
	for depth := 0; s.i < len(s.b); {
		switch s.b[s.i] {
		case '"':
			if s.quoted(); s.bad {
				return
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				s.i++
				return
			}
		}
		s.i++
	}
	s.bad = true
}
