package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"
)

// unknown returns the cure for a key that a section of type t does not have.
func (w *walker) unknown(key string, t reflect.Type) string {
	known := slices.Sorted(maps.Keys(fieldsOf(t)))
	best, least := "", len(key)/3+2
	for _, k := range known {
		if d := distance(strings.ToLower(key), k); d < least {
			best, least = k, d
		}
	}
	if best != "" {
		return "write " + best
	}
	switch home, ok := homeOf(key, "", w.root); {
	case ok && home == "":
		return "it belongs at the top of the file"
	case ok:
		return "it belongs under " + home
	}
	return "the keys here are " + strings.Join(known, ", ")
}

// homeOf returns the path of the first section, within that of type t at
// path, that has key, and whether there is one.
func homeOf(key, path string, t reflect.Type) (string, bool) {
	fields := reflect.VisibleFields(t)
	for _, f := range fields {
		if keyOf(f) == key {
			return path, true
		}
	}
	for _, f := range fields {
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if keyOf(f) == "" || inner.Kind() != reflect.Struct || isScalar(inner) {
			continue
		}
		if home, ok := homeOf(key, join(path, keyOf(f)), inner); ok {
			return home, true
		}
	}
	return "", false
}

// distance returns how many letters must be put in, taken out or changed to
// make b of a (Levenshtein's). It looks at the first letters only: keys are short.
func distance(a, b string) int {
	a, b = a[:min(len(a), 40)], b[:min(len(b), 40)]
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
