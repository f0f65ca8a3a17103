package jaeger

// integer reads a JSON number. It is valid if the number is well formed, and
// exact if it is also an integer that fits 64 bits, however it is written:
// 1500, 1500.0 and 1.5e3 are the same.
func integer(b []byte) (n int64, exact, valid bool) {
	whole, fraction, exponent, negative, valid := parts(b)
	if !valid {
		return 0, false, false
	}
	// The number is the digits of whole and fraction, as one integer, times a
	// power of ten; without its trailing zeros, that power tells whether it is an integer.
	for len(fraction) > 0 && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	power := exponent - len(fraction)
	if len(fraction) == 0 {
		for len(whole) > 0 && whole[len(whole)-1] == '0' {
			whole = whole[:len(whole)-1]
			power++
		}
	}
	var u uint64
	for _, digits := range [2][]byte{whole, fraction} {
		for _, c := range digits {
			if u > (1<<63)/10 {
				return 0, false, true
			}
			u = u*10 + uint64(c-'0')
		}
	}
	if u == 0 {
		return 0, true, true
	}
	for ; power > 0; power-- {
		if u > (1<<63)/10 {
			return 0, false, true
		}
		u *= 10
	}
	switch {
	case power < 0 || u > 1<<63 || u == 1<<63 && !negative:
		return 0, false, true
	case negative:
		return -int64(u), true, true
	}
	return int64(u), true, true
}

// parts takes a JSON number apart. It is not valid if b is no number. An
// exponent beyond a thousand million is cut to that.
func parts(b []byte) (whole, fraction []byte, exponent int, negative, valid bool) {
	if len(b) > 0 && b[0] == '-' {
		negative, b = true, b[1:]
	}
	whole, b = digits(b)
	if len(whole) == 0 || len(whole) > 1 && whole[0] == '0' {
		return nil, nil, 0, false, false
	}
	if len(b) > 0 && b[0] == '.' {
		if fraction, b = digits(b[1:]); len(fraction) == 0 {
			return nil, nil, 0, false, false
		}
	}
	if len(b) > 0 && (b[0] == 'e' || b[0] == 'E') {
		b = b[1:]
		down := len(b) > 0 && b[0] == '-'
		if down || len(b) > 0 && b[0] == '+' {
			b = b[1:]
		}
		var power []byte
		if power, b = digits(b); len(power) == 0 {
			return nil, nil, 0, false, false
		}
		for _, c := range power {
			exponent = min(exponent*10+int(c-'0'), 1e9)
		}
		if down {
			exponent = -exponent
		}
	}
	return whole, fraction, exponent, negative, len(b) == 0
}

// digits splits b behind its leading digits.
func digits(b []byte) (head, tail []byte) {
	for i, c := range b {
		if c-'0' > 9 {
			return b[:i], b[i:]
		}
	}
	return b, nil
}

// decimal reads an integer that is written as a string: an optional minus and
// up to 19 digits. Old documents have every value as a string.
func decimal(s string) (n int64, ok bool) {
	negative := len(s) > 0 && s[0] == '-'
	if negative {
		s = s[1:]
	}
	if len(s) == 0 || len(s) > 19 {
		return 0, false
	}
	var u uint64
	for i := range len(s) {
		if s[i]-'0' > 9 {
			return 0, false
		}
		u = u*10 + uint64(s[i]-'0')
	}
	switch {
	case negative && u <= 1<<63:
		return -int64(u), true
	case !negative && u < 1<<63:
		return int64(u), true
	}
	return 0, false
}
