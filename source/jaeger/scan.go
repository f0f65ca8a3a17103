package jaeger

import (
	"encoding/binary"
	"math/bits"
)

// The functions here find their way through JSON without reading what is not
// asked for. They take an index into b and return the one behind what they
// passed, or -1 if b is broken or ends there; next takes that -1 and ends the
// loop it drives, so that a walk needs one check, at its end:
//
//	i, more := open(b, i, '}')
//	for ; more; i, more = next(b, i, '}') {
//		key, v := d.key(b, i)
//		i = skip(b, v)
//	}
//
// What is skipped is checked as far as it takes to find its end: strings are
// closed and brackets balance. They neither recurse nor allocate.

// open enters the object or list at i, which closes with end. It returns the
// index of the first member; without one, more is unset and the index is behind the end.
func open(b []byte, i int, end byte) (at int, more bool) {
	i = space(b, i+1)
	if i < len(b) && b[i] == end {
		return i + 1, false
	}
	return i, true
}

// next passes the comma behind a member, which ends at i, to the next member,
// or the end of the object or list.
func next(b []byte, i int, end byte) (at int, more bool) {
	if i < 0 {
		return -1, false
	}
	i = space(b, i)
	if i >= len(b) {
		return -1, false
	}
	switch b[i] {
	case ',':
		return space(b, i+1), true
	case end:
		return i + 1, false
	}
	return -1, false
}

// name returns the key of the object's member at i as it is written, without
// its quotes, whether it holds escapes, and the index of its value.
func name(b []byte, i int) (key []byte, escaped bool, value int) {
	if i >= len(b) || b[i] != '"' {
		return nil, false, -1
	}
	end, escaped := quoted(b, i)
	if end < 0 {
		return nil, false, -1
	}
	at := space(b, end)
	if at >= len(b) || b[at] != ':' {
		return nil, false, -1
	}
	return b[i+1 : end-1], escaped, space(b, at+1)
}

// skip passes the value at i.
func skip(b []byte, i int) int {
	if uint(i) >= uint(len(b)) {
		return -1
	}
	switch c := b[i]; {
	case c == '"':
		end, _ := quoted(b, i)
		return end
	case c == '{' || c == '[':
		return skipNested(b, i)
	case c == '-' || c-'0' < 10 || c == 't' || c == 'f' || c == 'n':
		for i++; i < len(b); i++ {
			if c := b[i]; c <= ' ' || c == ',' || c == '}' || c == ']' {
				break
			}
		}
		return i
	}
	return -1
}

// skipNested passes the object or list at i, however deep it is.
func skipNested(b []byte, i int) int {
	for depth := 0; i < len(b); {
		switch b[i] {
		case '"':
			if i, _ = quoted(b, i); i < 0 {
				return -1
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i + 1
			}
		}
		i++
	}
	return -1
}

// quoted passes the string whose quote is at i, and tells whether it holds escapes.
func quoted(b []byte, i int) (end int, escaped bool) {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	i++
	for i+8 <= len(b) {
		// Eight bytes at a time. A byte that is zero in x has its high bit set
		// in (x-ones)&^x&highs; bytes above such a one may have it set wrongly,
		// the lowest never.
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		found := ((quote-ones)&^quote | (slash-ones)&^slash) & highs
		if found == 0 {
			i += 8
			continue
		}
		i += bits.TrailingZeros64(found) / 8
		if b[i] == '"' {
			return i + 1, escaped
		}
		i, escaped = i+2, true
	}
	for i < len(b) {
		switch b[i] {
		case '"':
			return i + 1, escaped
		case '\\':
			i, escaped = i+2, true
		default:
			i++
		}
	}
	return -1, false
}

// at returns the byte at i, 0 if there is none.
func at(b []byte, i int) byte {
	if uint(i) < uint(len(b)) {
		return b[i]
	}
	return 0
}

// has tells whether s is written at i, which may be -1.
func has(b []byte, i int, s string) bool {
	return i >= 0 && len(b)-i >= len(s) && string(b[i:i+len(s)]) == s
}

// space passes white space. It may return len(b).
func space(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}
