package slo

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// TestMinuteSetEqualsAMap holds every question to a set against a map.
func TestMinuteSetEqualsAMap(t *testing.T) {
	const span = 400
	for seed := range uint64(200) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		base := rnd.Int64N(3) * 1_000_000
		set, naive := &minuteSet{}, map[int64]bool{}
		for range rnd.IntN(12) {
			from := base + rnd.Int64N(span)
			to := from + rnd.Int64N(90)
			set.add(from, to)
			for m := from; m < to; m++ {
				naive[m] = true
			}
			if rnd.IntN(6) == 0 {
				first := base + rnd.Int64N(span)
				before := set.base
				set.drop(first)
				for m := range naive {
					// Whole words are dropped, from the front.
					if m < set.base {
						delete(naive, m)
					}
				}
				if set.base > max(before, first) {
					t.Fatalf("seed %d: what is from %d on was dropped up to %d", seed, first, set.base)
				}
			}
		}
		for range 60 {
			m := base - 70 + rnd.Int64N(span+200)
			to := m + rnd.Int64N(150)
			if got := set.has(m); got != naive[m] {
				t.Fatalf("seed %d: has(%d) = %v", seed, m, got)
			}
			before, found := int64(0), false
			for i := m - 1; i >= base-200 && !found; i-- {
				if naive[i] {
					before, found = i, true
				}
			}
			if got, ok := set.before(m); ok != found || ok && got != before {
				t.Fatalf("seed %d: before(%d) = %d, %v, want %d, %v", seed, m, got, ok, before, found)
			}
			next, found := int64(0), false
			for i := m; i < base+span+200 && !found; i++ {
				if naive[i] {
					next, found = i, true
				}
			}
			if got, ok := set.from(m); ok != found || ok && got != next {
				t.Fatalf("seed %d: from(%d) = %d, %v, want %d, %v", seed, m, got, ok, next, found)
			}
			n := 1 + rnd.Int64N(20)
			var gaps []minuteRange
			for i := m; i < to; {
				end := i
				for end < to && !naive[end] {
					end++
				}
				if end-i >= n {
					gaps = append(gaps, minuteRange{i, end})
				}
				i = max(end, i+1)
				for i < to && naive[i] {
					i++
				}
			}
			if got := set.gaps(m, to, n); !slices.Equal(got, gaps) {
				t.Fatalf("seed %d: gaps(%d, %d, %d) = %v, want %v", seed, m, to, n, got, gaps)
			}
		}
	}
}

func TestUnionEqualsAMap(t *testing.T) {
	for seed := range uint64(300) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		var lists [3][]minuteRange
		naive := map[int64]bool{}
		for i := range lists {
			for range rnd.IntN(6) {
				r := minuteRange{rnd.Int64N(100), rnd.Int64N(100)}
				lists[i] = append(lists[i], r)
				for m := r.From; m < r.To; m++ {
					naive[m] = true
				}
			}
		}
		got := union(lists[0], lists[1], lists[2])
		n := int64(0)
		for m := int64(-1); m <= 101; m++ {
			if contains(got, m) != naive[m] {
				t.Fatalf("seed %d: contains(%v, %d) = %v", seed, got, m, !naive[m])
			}
			if naive[m] && m >= 20 && m < 70 {
				n++
			}
		}
		if overlap := overlapping(got, 20, 70); overlap != n {
			t.Fatalf("seed %d: %d minutes of [20, 70), want %d", seed, overlap, n)
		}
	}
}
