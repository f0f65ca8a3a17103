package bench

import (
	"fmt"
	"slices"
	"time"
)

// A Key is what spans are counted by.
type Key struct{ Service, Operation, Kind string }

// A Tally is what is known of the spans of a Key. Buckets are not cumulative; the
// last is of what lies above all bounds.
type Tally struct {
	Calls, Errors uint64
	Buckets       []uint64
}

// A Truth is what was counted, or what is to be: by whoever made the spans, or
// by whom it was read from.
type Truth struct {
	// Bounds are the upper bounds of the buckets, inclusive, in microseconds.
	Bounds []int64
	Of     map[Key]*Tally
	Spans  uint64
}

// Bounds are traceslo's own buckets, which whoever else counts is given too.
var Bounds = []time.Duration{
	5 * time.Millisecond, 10 * time.Millisecond, 25 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond,
	250 * time.Millisecond, 500 * time.Millisecond, time.Second, 2500 * time.Millisecond, 5 * time.Second,
	10 * time.Second, 30 * time.Second, time.Minute,
}

// NewTruth returns a Truth that knows of no span, with the buckets Bounds.
func NewTruth() *Truth {
	t := &Truth{Of: map[Key]*Tally{}}
	for _, b := range Bounds {
		t.Bounds = append(t.Bounds, b.Microseconds())
	}
	return t
}

// At returns the Tally of a key.
func (t *Truth) At(k Key) *Tally {
	tally := t.Of[k]
	if tally == nil {
		tally = &Tally{Buckets: make([]uint64, len(t.Bounds)+1)}
		t.Of[k] = tally
	}
	return tally
}

// Add counts a span; its duration is in microseconds.
func (t *Truth) Add(k Key, failed bool, duration int64) {
	tally := t.At(k)
	tally.Calls++
	if failed {
		tally.Errors++
	}
	i, _ := slices.BinarySearch(t.Bounds, duration)
	tally.Buckets[i]++
	t.Spans++
}

// A Difference is by how much counts differ from the truth: the sum over all
// keys of what is too many or too few.
type Difference struct{ Calls, Errors, Buckets uint64 }

// Differ compares what was counted with the truth.
func (t *Truth) Differ(counted *Truth) Difference {
	var d Difference
	none := &Tally{Buckets: make([]uint64, len(t.Bounds)+1)}
	add := func(want, got *Tally) {
		d.Calls += apart(want.Calls, got.Calls)
		d.Errors += apart(want.Errors, got.Errors)
		for i := range want.Buckets {
			d.Buckets += apart(want.Buckets[i], got.Buckets[i])
		}
	}
	for k, want := range t.Of {
		got := counted.Of[k]
		if got == nil {
			got = none
		}
		add(want, got)
	}
	for k, got := range counted.Of {
		if t.Of[k] == nil {
			add(none, got)
		}
	}
	return d
}

func apart(a, b uint64) uint64 { return max(a, b) - min(a, b) }

// Part writes a difference as a part of what there is, "0" only if it is none.
func Part(off, of uint64) string {
	switch {
	case off == 0:
		return "0"
	case of == 0:
		return Count(int64(off))
	}
	return fmt.Sprintf("%s (%s %%)", Count(int64(off)), Figure(100*float64(off)/float64(of)))
}
