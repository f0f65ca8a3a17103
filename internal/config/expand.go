package config

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// An expansion is one ${NAME} that the environment filled.
type expansion struct {
	// path is the value that held it, text what the file says there.
	path, text  string
	name, value string
}

// expand returns text with every ${NAME} replaced by the environment's value
// and every $$ by $, and whether it could. A $ before anything else is a $.
func (w *walker) expand(path string, line int, text string) (string, bool) {
	var b strings.Builder
	whole, ok := text, true
	for {
		before, rest, found := strings.Cut(text, "$")
		b.WriteString(before)
		switch {
		case !found:
			return b.String(), ok
		case strings.HasPrefix(rest, "$"):
			b.WriteByte('$')
			text = rest[1:]
			continue
		case !strings.HasPrefix(rest, "{"):
			b.WriteByte('$')
			text = rest
			continue
		}
		name, rest, closed := strings.Cut(rest[1:], "}")
		if !closed || !isVariable(name) {
			w.doc.problem(line, Fault{Path: path, Problem: "${ without the name of an environment variable and a }", Cure: "write ${NAME}, or $${ for the characters themselves"})
			return "", false
		}
		value, set := w.env(name)
		if !set {
			w.doc.problem(line, Fault{Path: path, Problem: fmt.Sprintf("the environment variable %q is not set", name), Cure: "set it, or write $${ for the characters themselves"})
			ok = false
		}
		w.doc.expanded = append(w.doc.expanded, expansion{path, whole, name, value})
		b.WriteString(value)
		text = rest
	}
}

func isVariable(name string) bool {
	for i := range len(name) {
		c := name[i]
		letter := c == '_' || 'a' <= c|0x20 && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return name != ""
}

// longEnough is the length from which a value of the environment is masked in
// every message. A shorter one is only masked where it stands: it is no
// secret, and would tear up the messages of others.
const longEnough = 4

// Mask returns a message with ${NAME} for every value that the environment gave
// to the file, so that it may be printed. Values of less than four characters
// stay: they are no secrets, and would tear up what they happen to stand in.
func (d *Document) Mask(message string) string { return d.mask(nowhere, message) }

// nowhere is the path of nothing.
const nowhere = "\x00"

// mask is Mask for a message about path, where no value is too short.
func (d *Document) mask(path, message string) string {
	var pairs []string
	byLength := slices.SortedStableFunc(slices.Values(d.expanded), func(a, b expansion) int {
		return cmp.Compare(len(b.value), len(a.value))
	})
	for _, e := range byLength {
		if e.value != "" && (len(e.value) >= longEnough || within(e.path, path)) {
			quoted := strconv.Quote(e.value)
			pairs = append(pairs, e.value, "${"+e.name+"}", quoted[1:len(quoted)-1], "${"+e.name+"}")
		}
	}
	return strings.NewReplacer(pairs...).Replace(message)
}
