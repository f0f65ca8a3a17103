package jaeger

import (
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// text returns the string whose JSON form, quotes included, is raw: at most
// limit characters of it, valid UTF-8, what is invalid replaced by U+FFFD. ok
// is unset if it is broken within that length.
//
// What is plain ASCII is not copied: the string lies in raw. It is valid as
// long as nobody writes there, which Decode and Answer ask of their callers.
// The rest lies in d.arena until Reset.
func (d *Decoder) text(raw []byte, limit int) (s string, ok bool) {
	raw = raw[1 : len(raw)-1]
	n := 0
	for n < len(raw) && n < limit && plain[raw[n]] {
		n++
	}
	if n == len(raw) || n == limit {
		return unsafe.String(unsafe.SliceData(raw), n), true
	}
	start := len(d.arena)
	d.arena, ok = appendText(d.arena, raw, limit)
	made := d.arena[start:]
	return unsafe.String(unsafe.SliceData(made), len(made)), ok
}

// plain are the characters that stand for themselves in JSON and in UTF-8.
var plain = func() (p [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		p[c] = c != '"' && c != '\\'
	}
	return p
}()

// appendText appends what the inside of a JSON string stands for, up to limit
// characters of it. ok is unset if it is broken within that length.
func appendText(dst, raw []byte, limit int) (text []byte, ok bool) {
	for n := 0; len(raw) > 0 && n < limit; n++ {
		switch c := raw[0]; {
		case c == '\\':
			r, size := escape(raw)
			if size == 0 {
				return dst, false
			}
			dst, raw = utf8.AppendRune(dst, r), raw[size:]
		case c < ' ':
			return dst, false
		default:
			r, size := utf8.DecodeRune(raw)
			dst, raw = utf8.AppendRune(dst, r), raw[size:]
		}
	}
	return dst, true
}

// escape reads the escape that b begins with, and says how long it is: 0 if it
// is none of RFC 8259, section 7. Half of a surrogate pair is U+FFFD.
func escape(b []byte) (r rune, size int) {
	if len(b) < 2 {
		return 0, 0
	}
	switch c := b[1]; c {
	case '"', '\\', '/':
		return rune(c), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r, ok := unit(b)
		if !ok {
			return 0, 0
		}
		if !utf16.IsSurrogate(r) {
			return r, 6
		}
		if low, ok := unit(b[6:]); ok {
			if r := utf16.DecodeRune(r, low); r != utf8.RuneError {
				return r, 12
			}
		}
		return utf8.RuneError, 6
	}
	return 0, 0
}

// unit reads the \uXXXX that b begins with.
func unit(b []byte) (r rune, ok bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	for _, c := range b[2:6] {
		h := hexValue[c]
		if h > 15 {
			return 0, false
		}
		r = r<<4 | rune(h)
	}
	return r, true
}

// hexValue is the value of each hexadecimal digit, 255 of anything else.
var hexValue = func() (v [256]uint8) {
	for c := range v {
		switch {
		case c >= '0' && c <= '9':
			v[c] = uint8(c - '0')
		case c >= 'a' && c <= 'f':
			v[c] = uint8(c - 'a' + 10)
		case c >= 'A' && c <= 'F':
			v[c] = uint8(c - 'A' + 10)
		default:
			v[c] = 255
		}
	}
	return v
}()

// id reads up to 32 hexadecimal digits, at least one, as a number of 128 bits.
func id(s string) (high, low uint64, ok bool) {
	if len(s) == 0 || len(s) > 32 {
		return 0, 0, false
	}
	var bad uint8
	for i := range len(s) {
		h := hexValue[s[i]]
		bad |= h
		high, low = high<<4|low>>60, low<<4|uint64(h)
	}
	return high, low, bad <= 15
}
