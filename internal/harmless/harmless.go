// Package harmless makes text that anybody may have written fit to be shown to
// people: names of services and operations come from spans, and from whoever
// sends them.
//
// It serves all that shows such text. It knows nothing of HTML, Markdown or any
// other format: escaping is left to whoever writes one.
package harmless

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Text returns s with each character that cannot be seen, or that moves others,
// replaced by what it is, as in \u202E: control characters, marks that turn the
// direction of writing, spaces without width and what is not assigned. Bytes
// that are no UTF-8 become U+FFFD. Letters of all scripts stay.
func Text(s string) string {
	if !strings.ContainsFunc(s, Hidden) && utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case !Hidden(r):
			b.WriteRune(r)
		case r > 0xFFFF:
			fmt.Fprintf(&b, `\U%08X`, r)
		default:
			fmt.Fprintf(&b, `\u%04X`, r)
		}
	}
	return b.String()
}

// Cut returns what Text does, and of that no more than limit characters, the
// last of which is an ellipsis if something is left out.
func Cut(s string, limit int) string {
	s = Text(s)
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	for i := range s {
		if limit--; limit == 0 {
			return s[:i] + "…"
		}
	}
	return s
}

// Hidden tells whether nobody would see the character for what it is.
func Hidden(r rune) bool {
	return r != utf8.RuneError && r != ' ' && !unicode.IsPrint(r) || unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}
