package config

import (
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/traceslo/traceslo/internal/nearest"
)

// A section is where the walker stands: what a part of the file is read into.
type section struct {
	path string
	of   reflect.Type
}

// unknown returns the cure for a key that the innermost of the sections around
// it does not have: one of that section with nearly the same name, or the place
// deeper in it where such a key lives. If there is none, it is said which keys
// the section has, and where else such a key lives, nearest first.
func (w *walker) unknown(key string) string {
	here := w.around[len(w.around)-1]
	known := slices.Sorted(maps.Keys(fieldsOf(here.of)))
	best, least := "", len(key)/3+2
	for _, k := range known {
		if d := nearest.Edits(key, k); d < least {
			best, least = k, d
		}
	}
	if best != "" {
		return "write " + best
	}
	if homes := homesOf(key, here); len(homes) > 0 {
		return "it belongs under " + either(homes)
	}
	keys := "the keys here are " + strings.Join(known, ", ")
	for _, outer := range slices.Backward(w.around[:len(w.around)-1]) {
		switch homes := homesOf(key, outer); {
		case slices.Contains(homes, ""):
			return keys + "; there is " + key + " at the top of the file"
		case len(homes) > 0:
			return keys + "; there is " + key + " under " + either(homes)
		}
	}
	return keys
}

// either joins some of the paths.
func either(paths []string) string {
	const most = 3
	if len(paths) > most {
		paths = append(slices.Clone(paths[:most-1]), "others")
	}
	last := len(paths) - 1
	if last == 0 {
		return paths[0]
	}
	return strings.Join(paths[:last], ", ") + " or " + paths[last]
}

// homesOf returns the paths of all sections within s, itself among them, that
// have key: those that are less deep come first, else in the order of the file.
func homesOf(key string, s section) []string {
	var homes []string
	for level := []section{s}; len(level) > 0; {
		var deeper []section
		for _, at := range level {
			if _, ok := fieldsOf(at.of)[key]; ok {
				homes = append(homes, at.path)
			}
			deeper = append(deeper, at.inner()...)
		}
		level = deeper
	}
	return homes
}

// inner returns the sections that s has, and of lists of sections any.
func (s section) inner() []section {
	var found []section
	for _, f := range reflect.VisibleFields(s.of) {
		key, t := keyOf(f), f.Type
		if key == "" {
			continue
		}
		for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
			if t.Kind() == reflect.Slice {
				key += "[]"
			}
			t = t.Elem()
		}
		if t.Kind() == reflect.Struct && !isScalar(t) {
			found = append(found, section{join(s.path, key), t})
		}
	}
	return found
}
