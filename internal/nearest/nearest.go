// Package nearest finds the words that somebody probably meant who wrote
// another.
//
// It serves all that refuses names and says which there are: keys of a
// configuration, and objectives.
package nearest

import (
	"cmp"
	"slices"
	"strings"
)

// maxCompared bounds what is compared of a word, since comparing takes time by
// its square.
const maxCompared = 64

// Words returns up to most of the known words, those first that wrote is the
// least edits away from, in capitals or not. Words that differ by more than a
// third are none of them, unless one holds the other.
func Words(wrote string, known []string, most int) []string {
	type candidate struct {
		word  string
		edits int
	}
	lower := letters(wrote)
	if len(lower) == 0 {
		return nil
	}
	var found []candidate
	for _, word := range known {
		other := letters(word)
		limit := max(1, (min(len(lower), len(other))+1)/3)
		switch {
		case strings.Contains(string(other), string(lower)) || len(other) > 0 && strings.Contains(string(lower), string(other)):
			found = append(found, candidate{word, limit})
		case max(len(lower)-len(other), len(other)-len(lower)) <= limit:
			if n := edits(lower, other); n <= limit {
				found = append(found, candidate{word, n})
			}
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.edits, b.edits), strings.Compare(a.word, b.word))
	})
	found = slices.Compact(found)
	var near []string
	for _, c := range found[:min(len(found), most)] {
		near = append(near, c.word)
	}
	return near
}

// Edits returns how many letters are to be put in, taken out, changed or
// swapped with the next to make b of a, capitals or not. It looks at the first
// letters only.
func Edits(a, b string) int { return edits(letters(a), letters(b)) }

// letters returns the first letters of a word.
func letters(s string) []rune {
	// A rune has at most four bytes, so that no long text is taken apart whole.
	runes := []rune(strings.ToLower(s[:min(len(s), 4*maxCompared)]))
	return runes[:min(len(runes), maxCompared)]
}

func edits(a, b []rune) int {
	// before, last and row are what it takes for a[:i-2], a[:i-1] and a[:i].
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
