package sli

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"slices"
	"time"

	"github.com/traceslo/traceslo/internal/state"
)

// sweepEvery is how often idle series are looked for.
const sweepEvery = time.Minute

// saved is what a Save worked out and a Publish will make visible.
type saved struct {
	// sets have a new record; those that counted come first, sorted by number,
	// as the state file likes it. born are those without a record before.
	sets []change
	born []*set
	// ended are over, sorted as they are shown.
	ended  []*set
	errors []errorChange
	// expired counts label sets and types of errors that ended.
	expired   int
	epochs    []epoch
	dropped   []epoch
	shortened int
	meta      []byte
	swept     time.Time
}

// A change is a set's new record, the first durable bytes of which are written.
type change struct {
	set     *set
	record  record
	durable int
}

// An errorChange is a type of error that a set begins or ends to count.
type errorChange struct {
	service *service
	kind    string
	begun   bool
}

func (s *saved) empty() {
	clear(s.sets)
	*s = saved{sets: s.sets[:0]}
}

// Save works out what was counted since the last Publish and writes it in tx:
// the records of the label sets that counted, the hashes of the dedup window,
// and what a changed configuration did. A Recorder that is given a nil tx, always,
// lives in memory only.
//
// now is this machine's time: new series are born at it. watermark is the time
// up to which every shard has been read completely, as far as it is known: by
// it series expire and the dedup window moves on, so that neither happens to
// what is still to be caught up with. A zero watermark stops both.
func (r *Recorder) Save(tx *state.Tx, now, watermark time.Time) error {
	r.saved.empty()
	r.horizon = now.Add(maxAhead).UnixMicro()
	r.merge(now, watermark)
	r.saved.swept = r.swept
	if r.cfg.Expire > 0 && watermark.Sub(r.swept) >= sweepEvery {
		r.saved.swept = watermark
		r.expire(watermark)
	}
	slices.SortFunc(r.saved.born, compareSets)
	if r.dedup != nil {
		r.saved.epochs, r.saved.dropped, r.saved.shortened = r.advance(r.fresh(), now, watermark)
		if r.saved.shortened > 0 && !r.shortened {
			r.shortened = true
			r.log.Warn().Int("limit", r.cfg.Limits.DeduplicateSpans).Dur("deduplicate", r.cfg.Deduplicate).
				Msg("the dedup window is shorter than configured: more spans than sli.limits.deduplicate_spans are within it; a span stored again later counts twice")
		}
	}
	if err := r.encodeMeta(); err != nil {
		return err
	}
	if tx == nil {
		return nil
	}
	return r.write(tx)
}

// merge makes the new records of the sets that were counted.
func (r *Recorder) merge(now, watermark time.Time) {
	for w, t := range r.tallies {
		for i := range t.cells {
			if s := t.cells[i].set; !countedBefore(r.tallies[:w], s) {
				r.saved.sets = append(r.saved.sets, change{set: s})
			}
		}
	}
	slices.SortFunc(r.saved.sets, func(a, b change) int {
		if a.set.id < b.set.id {
			return -1
		}
		return 1
	})
	at := now.UnixMilli()
	for i := range r.saved.sets {
		c := &r.saved.sets[i]
		if c.set.committed == "" {
			r.scratch.reset(at)
			r.saved.born = append(r.saved.born, c.set)
		} else {
			r.scratch.mustDecode(c.set.committed)
		}
		r.add(c.set, at)
		r.endErrors(c.set, at, watermark)
		c.record, c.durable = r.encode()
	}
}

// countedBefore reports whether one of the tallies has a cell of s.
func countedBefore(tallies []*tally, s *set) bool {
	for _, t := range tallies {
		if int(s.slot) < len(t.at) && t.at[s.slot] != 0 {
			return true
		}
	}
	return false
}

// add adds what all tallies have of s to the scratch.
func (r *Recorder) add(s *set, at int64) {
	c, svc := r.scratch, s.operation.service
	c.last = max(c.last, at)
	for _, t := range r.tallies {
		t.sum(s, c, func(place uint16, n uint64) {
			e, known := c.error(svc.names[place], at)
			if !known {
				r.saved.errors = append(r.saved.errors, errorChange{svc, e.kind, true})
			}
			e.last = max(e.last, at)
			e.count += n
		})
	}
}

// endErrors takes the types of errors out of the scratch that are idle for long
// and were not counted at the time at.
func (r *Recorder) endErrors(s *set, at int64, watermark time.Time) (ended bool) {
	c := r.scratch
	c.errors = slices.DeleteFunc(c.errors, func(e errorCount) bool {
		if e.last == at || !r.idle(e.last, watermark) {
			return false
		}
		r.saved.errors = append(r.saved.errors, errorChange{s.operation.service, e.kind, false})
		r.saved.expired++
		ended = true
		return true
	})
	return ended
}

// idle reports whether what last counted at last, in milliseconds, has expired.
func (r *Recorder) idle(last int64, watermark time.Time) bool {
	return r.cfg.Expire > 0 && last+r.cfg.Expire.Milliseconds() <= watermark.UnixMilli()
}

// expire ends what has had no new count for long.
func (r *Recorder) expire(watermark time.Time) {
	for _, s := range r.visible {
		if countedBefore(r.tallies, s) {
			continue
		}
		if r.idle(lastOf(s.committed), watermark) {
			r.scratch.mustDecode(s.committed)
			for _, e := range r.scratch.errors {
				r.saved.errors = append(r.saved.errors, errorChange{s.operation.service, e.kind, false})
			}
			r.saved.ended = append(r.saved.ended, s)
			r.saved.expired++
			continue
		}
		if r.scratch.mustDecode(s.committed); len(r.scratch.errors) > 0 && r.endErrors(s, -1, watermark) {
			record, durable := r.encode()
			r.saved.sets = append(r.saved.sets, change{s, record, durable})
		}
	}
}

// encode returns the record of the scratch and how much of it is durable.
func (r *Recorder) encode() (record, int) {
	encoded, durable := r.scratch.append(r.buffer[:0])
	r.buffer = encoded
	return string(encoded), durable
}

// meta is what the state file holds besides the sets: how to read them.
type meta struct {
	// Format is the version of all the package's records.
	Format int `json:"format"`
	// Buckets are the bounds of the classic histogram in microseconds.
	Buckets []uint64 `json:"buckets_us"`
	// Dimensions are the labels besides service, operation and kind.
	Dimensions []Dimension `json:"dimensions"`
	// Hold is new_series_hold in milliseconds: what it let be seen stays seen.
	Hold int64 `json:"new_series_hold_ms"`
	// NextID is the number of the next label set.
	NextID uint64 `json:"next_id"`
	// DedupKey is the key of the hashes, Epochs the parts of the window.
	DedupKey [2]uint64 `json:"dedup_key"`
	Epochs   []epoch   `json:"epochs"`
}

const metaFormat = 1

var metaKey = []byte("meta")

func (r *Recorder) encodeMeta() error {
	m := meta{Format: metaFormat, Buckets: r.scale.bounds, Dimensions: r.cfg.Dimensions, Hold: r.cfg.NewSeriesHold.Milliseconds(), NextID: r.registry.nextID, Epochs: r.saved.epochs}
	if r.dedup != nil {
		m.DedupKey = r.dedup.key
	}
	var err error
	r.saved.meta, err = json.Marshal(m)
	return err
}

func (r *Recorder) write(tx *state.Tx) error {
	if r.reset {
		for _, name := range []string{labelsBucket, countsBucket} {
			if err := tx.Drop(name); err != nil {
				return err
			}
		}
	}
	for _, name := range r.stale {
		if err := tx.Drop(name); err != nil {
			return err
		}
	}
	counts, labels := tx.Bucket(countsBucket), tx.Bucket(labelsBucket)
	if r.rewrite {
		// Those that counted are written once more below.
		for _, s := range r.visible {
			if err := counts.Put(r.key(s), r.bytes(s.committed[:r.scratch.mustDecode(s.committed)])); err != nil {
				return err
			}
		}
	}
	for _, s := range r.saved.born {
		if err := labels.Put(r.key(s), s.labels().append(nil)); err != nil {
			return err
		}
	}
	for _, c := range r.saved.sets {
		if err := counts.Put(r.key(c.set), r.bytes(c.record[:c.durable])); err != nil {
			return err
		}
	}
	for _, s := range r.saved.ended {
		if err := labels.Delete(r.key(s)); err != nil {
			return err
		}
		if err := counts.Delete(r.key(s)); err != nil {
			return err
		}
	}
	if r.dedup != nil {
		if err := r.writeEpochs(tx); err != nil {
			return err
		}
	}
	if !bytes.Equal(r.saved.meta, r.written) {
		if err := tx.Bucket(metaBucket).Put(metaKey, r.saved.meta); err != nil {
			return err
		}
	}
	return nil
}

// bytes returns a copy of s in memory that the next call uses again.
func (r *Recorder) bytes(s string) []byte {
	r.buffer = append(r.buffer[:0], s...)
	return r.buffer
}

// key returns the key of s in memory that the next call uses again.
func (r *Recorder) key(s *set) []byte {
	binary.BigEndian.PutUint64(r.keyBytes[:], s.id)
	return r.keyBytes[:]
}
