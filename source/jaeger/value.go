package jaeger

import (
	"unsafe"

	"github.com/traceslo/traceslo/source"
)

// maxText is how many characters of a string are kept: as many as Jaeger's mapping indexes.
const maxText = source.MaxOperation

// A token is where a value lies in a document. Its from is 0 if there is none:
// at 0 is always the bracket of what holds it.
type token struct{ from, to int }

func (t token) of(b []byte) []byte { return b[t.from:t.to] }

// take passes the value at i and notes where it lies.
func take(b []byte, i int, t *token) int {
	end := skip(b, i)
	*t = token{i, end}
	return end
}

// A state is what came of reading a value.
type state uint8

const (
	good   state = iota
	absent       // there is no value, or null
	wrong        // it is of another type, or does not fit
	broken       // it is no JSON
)

// reason returns why a span is refused that cannot be without the value.
func (s state) reason(reason string) string {
	if s == broken {
		return ReasonJSON
	}
	return reason
}

// str reads a string.
func (d *Decoder) str(raw []byte) (string, state) {
	if len(raw) == 0 {
		return "", absent
	}
	switch raw[0] {
	case '"':
		s, ok := d.text(raw, maxText)
		if !ok {
			return "", broken
		}
		return s, good
	case '{', '[':
		return "", wrong
	case 'n', 't', 'f':
		switch string(raw) {
		case "null":
			return "", absent
		case "true", "false":
			return "", wrong
		}
		return "", broken
	}
	if _, _, _, _, valid := parts(raw); !valid {
		return "", broken
	}
	return "", wrong
}

// scalar reads a string, a number or a boolean as text.
func (d *Decoder) scalar(raw []byte) (string, state) {
	s, state := d.str(raw)
	if state != wrong || raw[0] == '{' || raw[0] == '[' {
		return s, state
	}
	// A number or a boolean is its own text; as in d.text, it stays where it is.
	return unsafe.String(unsafe.SliceData(raw), min(len(raw), maxText)), good
}

// integer reads an integer of 64 bits, which may be written as a string.
func (d *Decoder) integer(raw []byte) (int64, state) {
	if len(raw) > 0 && (raw[0] == '-' || raw[0]-'0' < 10) {
		n, exact, valid := integer(raw)
		switch {
		case !valid:
			return 0, broken
		case !exact:
			return 0, wrong
		}
		return n, good
	}
	s, state := d.str(raw)
	if state != good {
		return 0, state
	}
	if n, ok := decimal(s); ok {
		return n, good
	}
	return 0, wrong
}

// id reads a string of 1 to digits hexadecimal digits.
func (d *Decoder) id(raw []byte, digits int) (high, low uint64, _ state) {
	s, state := d.str(raw)
	if state != good {
		return 0, 0, state
	}
	high, low, ok := id(s)
	if !ok || len(s) > digits {
		return 0, 0, wrong
	}
	return high, low, good
}
