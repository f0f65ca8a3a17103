package sli

import (
	"crypto/rand"
	"encoding/binary"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/source"
)

// A Recorder counts spans and keeps what was counted.
//
// Its life is a Load, before anything else, and then steps: any number of
// Counts, at once if each has a worker number of its own, then Save within a
// transaction, where Minutes, Culprits and BadEvents tell what was judged, then
// Publish if the transaction was committed. Save may be repeated after a commit
// that failed, with or without Counts between; Discard forgets the step instead.
// Load, Save, Minutes, Culprits, BadEvents, Publish and Discard are called by
// one goroutine, while no Count runs. Scrapes may come at any time and see what was
// published last.
type Recorder struct {
	cfg      Config
	log      zerolog.Logger
	tags     []string
	scale    *scale
	registry *registry
	tallies  []*tally
	// dedup is nil if every stored span counts.
	dedup *dedup
	// horizon is the greatest end of an exemplar, and of a bad event that is
	// told, in microseconds.
	horizon int64

	// shown is the latest birth, in milliseconds, of a series that a scrape has
	// shown with its counts, as far as scrapes tell by their times.
	shown atomic.Int64

	// What follows is owned by the goroutine that saves.

	epochs  []epoch
	scratch *counts
	// buffer and keyBytes hold what is handed to the state file, which copies it.
	buffer   []byte
	keyBytes [8]byte
	saved    saved
	// reset, rewrite and stale are what Load found to change: all records are
	// dropped; all are written anew; these buckets are dropped.
	reset, rewrite bool
	stale          []string
	// written is the meta record that the state file holds.
	written []byte
	// swept is the watermark at which idle series were last looked for.
	swept     time.Time
	shortened bool

	// mu guards what a scrape sees: the rest, and committed of each set.
	mu sync.RWMutex
	// visible are the sets that were published, sorted. The slice is replaced, never changed.
	visible []*set
	stats   stats
}

// stats are the figures the recorder tells of itself.
type stats struct {
	duplicates, expired, shortened uint64
	overflows                      map[overflow]uint64
	changes                        [changeKinds]uint64
	used                           [limitKinds]int
	remembered                     int
}

// New returns a Recorder for a configuration that Validate found no fault with,
// for workers numbered from 0. It has counted nothing; it starts no goroutine.
func New(cfg Config, workers int, log zerolog.Logger) *Recorder {
	tags, places := placesOf(cfg)
	bounds := cfg.Scale()
	r := &Recorder{
		cfg:      cfg,
		log:      log,
		tags:     tags,
		scale:    newScale(bounds),
		registry: newRegistry(cfg.Limits, len(cfg.Dimensions), newBench(cfg, places)),
		scratch:  newCounts(len(bounds)),
		horizon:  math.MaxInt64,
		stats:    stats{overflows: map[overflow]uint64{{other, limitServices}: 0}},
	}
	for range workers {
		r.tallies = append(r.tallies, newTally(r.scale, r.registry.series.platform))
	}
	if cfg.Deduplicate > 0 {
		r.dedup = &dedup{key: newKey()}
		r.epochs = []epoch{{Number: 1, tag: r.dedup.open()}}
	}
	return r
}

// shownUpto returns up to which birth, in milliseconds, series are shown with
// their counts. It never goes back, when the clock does or when new_series_hold
// grows: a counter that was shown at 1 and is shown at 0 would count again.
func (r *Recorder) shownUpto(now time.Time) int64 {
	for {
		before := r.shown.Load()
		upto := max(before, now.Add(-r.cfg.NewSeriesHold).UnixMilli())
		if r.shown.CompareAndSwap(before, upto) {
			return upto
		}
	}
}

// newKey returns a random key for the hashes of the dedup window.
func newKey() [2]uint64 {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return [2]uint64{binary.LittleEndian.Uint64(b[:8]), binary.LittleEndian.Uint64(b[8:])}
}

// Tags returns the keys of the tags whose values Span.Tags must hold, in order,
// as Config.Tags does.
func (r *Recorder) Tags() []string { return r.tags }

// Count counts a page of spans: it drops those that were counted before, within
// the dedup window, and adds the others to the tally of the worker. Nothing of
// it is visible before Publish, and of the spans' memory nothing is kept. Each
// of several goroutines may call it at once with its own worker number. A
// worker counts fewer than 2^32 spans from one Publish to the next.
func (r *Recorder) Count(worker int, spans []source.Span) {
	t, g := r.tallies[worker], r.registry
	if r.dedup != nil {
		t.fresh = r.dedup.insert(&t.page, spans, t.fresh)
	}
	g.mu.RLock()
	for i := range spans {
		s := &spans[i]
		if r.dedup != nil && t.page.repeated[i] {
			t.duplicates++
			continue
		}
		if p := (placed{span: s, set: g.known(s)}); p.set != nil && !s.Failed {
			t.put(p, r.horizon)
		} else {
			r.seek(t, p)
		}
	}
	g.mu.RUnlock()
	r.admitStrange(t)
	t.flush(r.horizon)
}

// seek counts a span whose label set is not at hand, or that failed; what has to
// be admitted first is left to admitStrange.
func (r *Recorder) seek(t *tally, p placed) {
	found, known := r.place(t, p, false)
	if !known {
		t.strange = append(t.strange, placed{span: p.span, group: p.group})
		return
	}
	t.overflow(&found)
	t.put(found, r.horizon)
}

// admitStrange admits and counts what seek left.
func (r *Recorder) admitStrange(t *tally) {
	if len(t.strange) == 0 {
		return
	}
	r.registry.mu.Lock()
	for _, p := range t.strange {
		p, _ = r.place(t, p, true)
		t.overflow(&p)
		t.put(p, r.horizon)
	}
	r.registry.mu.Unlock()
}

// place finds the label set of a span, if it is not at hand, its type of error,
// if it failed, and what it is judged by, if limits bend it. What is new is admitted,
// for which the registry must be locked; without admit, place reports that
// something is not known.
func (r *Recorder) place(t *tally, p placed, admit bool) (_ placed, known bool) {
	g, s := r.registry, p.span
	var over limits
	if p.set == nil {
		target := g.target(s, t.values)
		t.values = target.values
		if p.set = g.find(target.labels); p.set == nil {
			if !admit {
				return p, false
			}
			p.set = g.admitNew(target.labels)
		}
		over = target.over
		if target.service != s.Service || target.operation != s.Operation {
			before := len(t.bent)
			if t.bent, known = g.bent(t.bent, t, s, p.set, admit); !known {
				t.bent = t.bent[:before]
				return p, false
			}
			p.bent, p.events = true, t.bent[before:]
		}
	}
	if s.Failed {
		var met limits
		if p.failure, met, known = g.errorOf(p.set.operation.service, s.ErrorType); !known {
			if !admit {
				return p, false
			}
			p.failure = g.admitError(p.set.operation.service, s.ErrorType, met)
		}
		over |= met
	}
	p.over = over
	return p, true
}

// Publish makes what the last Save saved visible and empties the tallies. It is
// called once the transaction of that Save is committed, and only then; nothing
// was counted since.
func (r *Recorder) Publish() {
	p, g := &r.saved, r.registry
	visible := r.visible
	if len(p.born) > 0 || len(p.ended) > 0 {
		visible = merge(visible, p.born, p.ended)
	}
	for _, c := range p.errors {
		if c.begun {
			c.service.useError(c.kind)
		}
	}
	for _, c := range p.errors {
		if !c.begun {
			c.service.dropError(c.kind)
		}
	}
	for _, s := range p.ended {
		g.remove(s)
	}
	g.publish()
	if r.dedup != nil {
		r.publishEpochs()
	}
	remembered := 0
	for _, e := range r.epochs {
		remembered += e.spans
	}

	r.mu.Lock()
	for _, c := range p.sets {
		c.set.committed = c.record
	}
	r.visible = visible
	for _, t := range r.tallies {
		r.stats.duplicates += t.duplicates
		for o, n := range t.overflows {
			r.stats.overflows[o] += n
		}
	}
	for o := range r.stats.overflows {
		if g.services[o.service] == nil && o.service != other {
			delete(r.stats.overflows, o)
		}
	}
	r.stats.expired += uint64(p.expired)
	r.stats.shortened += uint64(p.shortened)
	r.stats.used = g.usage()
	r.stats.remembered = remembered
	r.mu.Unlock()

	r.written, r.swept = p.meta, p.swept
	r.reset, r.rewrite, r.stale = false, false, nil
	r.empty()
}

// Discard forgets all that was counted since the last Publish, as if it had
// never been read: it may be read and counted again.
func (r *Recorder) Discard() {
	for _, t := range r.tallies {
		for _, h := range t.fresh {
			r.dedup.remove(h)
		}
	}
	r.registry.discard()
	r.empty()
}

func (r *Recorder) empty() {
	for _, t := range r.tallies {
		t.empty()
	}
	r.saved.empty()
}
