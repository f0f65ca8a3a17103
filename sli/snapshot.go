package sli

import (
	"maps"
	"slices"
)

// A row is one label set as one Publish left it.
type row struct {
	set    *set
	record record
}

// snapshot returns all label sets with the records of one and the same Publish,
// sorted, in the memory of rows. It holds up a Publish only while it copies the
// references.
func (r *Recorder) snapshot(rows []row) []row {
	r.mu.RLock()
	defer r.mu.RUnlock()
	rows = slices.Grow(rows[:0], len(r.visible))
	for _, s := range r.visible {
		rows = append(rows, row{s, s.committed})
	}
	return rows
}

// merge returns the sets of visible with those of born and without those of
// ended, all sorted.
func merge(visible, born, ended []*set) []*set {
	merged := make([]*set, 0, len(visible)+len(born)-len(ended))
	for _, s := range visible {
		if len(ended) > 0 && s == ended[0] {
			ended = ended[1:]
			continue
		}
		for len(born) > 0 && compareSets(born[0], s) < 0 {
			merged = append(merged, born[0])
			born = born[1:]
		}
		merged = append(merged, s)
	}
	return append(merged, born...)
}

// figures returns the recorder's figures of itself, as the last Publish left them.
func (r *Recorder) figures() stats {
	r.mu.RLock()
	defer r.mu.RUnlock()
	s := r.stats
	s.overflows = maps.Clone(s.overflows)
	return s
}
