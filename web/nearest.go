package web

import (
	"cmp"
	"slices"
	"strings"
)

const (
	// maxNearest is how many names are offered in the place of one that nobody has.
	maxNearest = 3
	// maxCompared bounds what is compared of a name, since comparing takes time by its square.
	maxCompared = 64
)

// nearest returns the names that are nearest to one that somebody wrote, by how
// many letters are to be changed, and those that hold it; none that differ by
// more than a third.
func nearest(wrote string, names []string) []string {
	type candidate struct {
		name  string
		edits int
	}
	lower := cutRunes(strings.ToLower(wrote))
	if len(lower) == 0 {
		return nil
	}
	var found []candidate
	for _, name := range names {
		other := cutRunes(strings.ToLower(name))
		limit := max(1, (min(len(lower), len(other))+1)/3)
		switch {
		case strings.Contains(string(other), string(lower)) || strings.Contains(string(lower), string(other)):
			found = append(found, candidate{name, limit})
		case abs(len(lower)-len(other)) <= limit:
			if n := edits(lower, other); n <= limit {
				found = append(found, candidate{name, n})
			}
		}
	}
	slices.SortFunc(found, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(a.edits, b.edits), strings.Compare(a.name, b.name))
	})
	var near []string
	for _, c := range found[:min(len(found), maxNearest)] {
		near = append(near, c.name)
	}
	return near
}

func cutRunes(s string) []rune {
	// A rune has at most four bytes, so that no long text is taken apart whole.
	runes := []rune(s[:min(len(s), 4*maxCompared)])
	return runes[:min(len(runes), maxCompared)]
}

func abs(n int) int { return max(n, -n) }

// edits returns how many letters are to be put in, taken out, changed or
// swapped with the next to make b of a.
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
