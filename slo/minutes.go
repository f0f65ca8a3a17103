package slo

import (
	"cmp"
	"math/bits"
	"slices"
)

// A minuteSet is a set of minutes since the Unix epoch, a bit each. The zero
// value is empty. Copies made by clone share nothing; set and clear change it in place.
type minuteSet struct {
	// base is the minute of the first bit of words, a multiple of 64.
	base  int64
	words []uint64
}

func (s *minuteSet) clone() *minuteSet { return &minuteSet{s.base, slices.Clone(s.words)} }

// end is the minute after the last that words has a bit for.
func (s *minuteSet) end() int64 { return s.base + 64*int64(len(s.words)) }

func (s *minuteSet) has(m int64) bool {
	return m >= s.base && m < s.end() && s.words[(m-s.base)/64]>>((m-s.base)%64)&1 == 1
}

// add puts the minutes in [from, to) into the set.
func (s *minuteSet) add(from, to int64) {
	if from >= to {
		return
	}
	s.grow(from, to)
	for i := (from - s.base) / 64; i <= (to-1-s.base)/64; i++ {
		s.words[i] |= mask(s.base+64*i, from, to)
	}
}

// grow makes room for the minutes in [from, to).
func (s *minuteSet) grow(from, to int64) {
	if len(s.words) == 0 {
		s.base = from &^ 63
	}
	if from < s.base {
		s.words = slices.Concat(make([]uint64, (s.base-from+63)/64), s.words)
		s.base = from &^ 63
	}
	if to > s.end() {
		s.words = append(s.words, make([]uint64, (to-s.end()+63)/64)...)
	}
}

// drop forgets the minutes before m.
func (s *minuteSet) drop(m int64) {
	if n := min((m-s.base)/64, int64(len(s.words))); n > 0 {
		s.words = slices.Clone(s.words[n:])
		s.base += 64 * n
	}
}

// mask returns the bits of the word that begins at minute base which lie in [from, to).
func mask(base, from, to int64) uint64 {
	low, high := max(0, from-base), min(64, to-base)
	if low >= high {
		return 0
	}
	return ^uint64(0) << low & (^uint64(0) >> (64 - high))
}

// before returns the last minute of the set that is before m, and whether there is one.
func (s *minuteSet) before(m int64) (int64, bool) {
	m = min(m, s.end())
	for i := (m - 1 - s.base) / 64; m > s.base && i >= 0; i-- {
		if w := s.words[i] & mask(s.base+64*i, s.base, m); w != 0 {
			return s.base + 64*i + 63 - int64(bits.LeadingZeros64(w)), true
		}
	}
	return 0, false
}

// from returns the first minute of the set that is not before m, and whether there is one.
func (s *minuteSet) from(m int64) (int64, bool) {
	m = max(m, s.base)
	for i := (m - s.base) / 64; i < int64(len(s.words)); i++ {
		if w := s.words[i] & mask(s.base+64*i, m, s.end()); w != 0 {
			return s.base + 64*i + int64(bits.TrailingZeros64(w)), true
		}
	}
	return 0, false
}

// A minuteRange is the minutes in [From, To).
type minuteRange struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

// overlap returns how many minutes of [from, to) lie in r.
func (r minuteRange) overlap(from, to int64) int64 { return max(0, min(to, r.To)-max(from, r.From)) }

// length returns how many minutes r has.
func (r minuteRange) length() int64 { return max(0, r.To-r.From) }

// gaps returns the runs of at least n minutes of [from, to) that the set lacks.
func (s *minuteSet) gaps(from, to, n int64) []minuteRange {
	var runs []minuteRange
	for from < to {
		next, ok := s.from(from)
		if !ok || next > to {
			next = to
		}
		if next-from >= n {
			runs = append(runs, minuteRange{from, next})
		}
		from = s.missing(next)
	}
	return runs
}

// missing returns the first minute that is not before m and not in the set.
func (s *minuteSet) missing(m int64) int64 {
	if m < s.base {
		return m
	}
	for i := (m - s.base) / 64; i < int64(len(s.words)); i++ {
		if w := ^s.words[i] & mask(s.base+64*i, m, s.end()); w != 0 {
			return s.base + 64*i + int64(bits.TrailingZeros64(w))
		}
	}
	return max(m, s.end())
}

// union returns the minutes of all ranges, as sorted ranges that neither touch nor overlap.
func union(lists ...[]minuteRange) []minuteRange {
	all := slices.Concat(lists...)
	slices.SortFunc(all, func(a, b minuteRange) int { return cmp.Compare(a.From, b.From) })
	merged := all[:0]
	for _, r := range all {
		if r.length() == 0 {
			continue
		}
		if n := len(merged); n > 0 && r.From <= merged[n-1].To {
			merged[n-1].To = max(merged[n-1].To, r.To)
			continue
		}
		merged = append(merged, r)
	}
	return merged
}

// overlapping returns how many minutes of [from, to) are in the ranges, which are a union.
func overlapping(ranges []minuteRange, from, to int64) int64 {
	n := int64(0)
	for _, r := range ranges {
		n += r.overlap(from, to)
	}
	return n
}

// contains tells whether m is in the ranges, which are a union.
func contains(ranges []minuteRange, m int64) bool {
	i, _ := slices.BinarySearchFunc(ranges, m, func(r minuteRange, m int64) int {
		if r.To <= m {
			return -1
		}
		return 1
	})
	return i < len(ranges) && ranges[i].From <= m
}
