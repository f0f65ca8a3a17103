package source

import (
	"math"
	"time"
)

// A Progress is how far a catching up came: reading what one step cannot.
type Progress struct {
	// Began is when it began.
	Began time.Time
	// Spans is how many spans were read since.
	Spans int64
	// Read and Left are how many numbers of shards were read since, and how
	// many there were to read when the source was last asked.
	Read, Left int64
	// Rate is how many spans are read a second, of late.
	Rate float64

	nearer float64   // by how many numbers it comes nearer to its end a second
	at     time.Time // of the last step
}

// rateTime is over how long rates are smoothed.
const rateTime = 20 * time.Second

// Part returns the part of all that is read, between 0 and 1.
func (p Progress) Part() float64 { return float64(p.Read) / float64(max(1, p.Read+p.Left)) }

// Remaining returns how long it will take by the rates of late, and false if
// it comes no nearer to its end.
func (p Progress) Remaining() (time.Duration, bool) {
	seconds := float64(p.Left) / p.nearer
	if p.nearer <= 0 || seconds > math.MaxInt64/1e9 {
		return 0, false
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// step returns what becomes of p by a step that ended now and left so many
// numbers to read, of which some may have been given out since the step before.
func (p Progress) step(now time.Time, spans, read, left int64) Progress {
	seconds := max(now.Sub(p.at).Seconds(), 1e-6)
	rate, nearer := float64(spans)/seconds, float64(p.Left-left)/seconds
	if weight := 1 - math.Exp(-seconds/rateTime.Seconds()); p.Read > 0 {
		rate, nearer = p.Rate+weight*(rate-p.Rate), p.nearer+weight*(nearer-p.nearer)
	}
	p.Spans, p.Read, p.Left, p.Rate, p.nearer, p.at = p.Spans+spans, p.Read+read, left, rate, nearer, now
	return p
}

// progressed takes a step in that was committed.
func (f *Feed) progressed(now time.Time, t *tally) {
	left := t.backlog - t.read
	switch {
	case t.finished:
		f.progress = nil
	case f.progress != nil || t.read > 0:
		if f.progress == nil {
			f.progress = &Progress{Began: f.origin, at: f.origin, Left: t.backlog}
		}
		next := f.progress.step(now, t.spans, t.read, left)
		f.progress = &next
	}
	done, remaining := 0.0, 0.0
	if p := f.progress; p != nil {
		done, remaining = float64(p.Read), math.Inf(1)
		if time, ok := p.Remaining(); ok {
			remaining = time.Seconds()
		}
	}
	f.Metrics.caughtUp.Set(done)
	f.Metrics.remaining.Set(remaining)
}

// Progress returns how far the catching up came that goes on, nil if none
// does. As Snapshot, it may be called at any time, by any goroutine.
func (f *Feed) Progress() *Progress { return f.standing.Load().progress }
