package sli

import (
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/traceslo/traceslo/internal/state"
)

// epochsPerWindow is how finely the dedup window moves on: an epoch lasts a
// quarter of it, or an eighth of what may be remembered.
const (
	epochsPerWindow = 4
	epochsPerLimit  = 8
	// maxEpochs leaves tags for the epochs that one Save opens. Beyond, the
	// last epoch goes on: a window that cannot move, as while a shard is
	// unreadable for days, only gets coarser.
	maxEpochs = maxTags - 3
)

// blockHashes is how many hashes one value of the state file holds at most.
const blockHashes = 8192

// An epoch is a part of the dedup window that ends as a whole.
//
// It ends when the watermark has passed the end of the epoch by the window. The
// watermark is the time up to which every shard was read completely. Every
// span of the epoch was stored before the epoch ended, so a repetition that
// comes within the window was stored before end + window, and has been read
// when the watermark is there. No clock but the watermark moves the window:
// while old spans are caught up with, or a shard cannot be read, the watermark
// stands, and nothing is forgotten.
type epoch struct {
	// Number is the epoch's own, ascending; its bucket bears it.
	Number uint64 `json:"number"`
	// Began is when its first spans were saved, and Ended when its last were, in
	// milliseconds; Ended is 0 while the epoch receives, as the last one does.
	Began int64 `json:"began"`
	Ended int64 `json:"ended,omitempty"`

	// tag is the epoch's tag in memory, 0 if it is not open yet.
	tag uint64
	// spans is how many it holds, and blocks how many values its bucket has.
	spans  int
	blocks uint64
}

func (e *epoch) bucket() string { return fmt.Sprintf("%s%020d", epochPrefix, e.Number) }

// advance returns the epochs after fresh spans were saved at now, the epochs
// that ended, and how many of these ended before their time. It changes nothing.
func (r *Recorder) advance(fresh int, now, watermark time.Time) (next, dropped []epoch, early int) {
	next = slices.Clone(r.epochs)
	last := &next[len(next)-1]
	if last.spans == 0 && fresh > 0 {
		last.Began = now.UnixMilli()
	}
	last.spans += fresh
	last.blocks += uint64((fresh + blockHashes - 1) / blockHashes)
	aged := now.UnixMilli()-last.Began >= (r.cfg.Deduplicate / epochsPerWindow).Milliseconds()
	if last.spans > 0 && (aged || last.spans >= max(1, r.cfg.Limits.DeduplicateSpans/epochsPerLimit)) && len(next) < maxEpochs {
		last.Ended = now.UnixMilli()
		next = append(next, epoch{Number: last.Number + 1, Began: now.UnixMilli()})
	}
	held := 0
	for _, e := range next {
		held += e.spans
	}
	for len(next) > 1 {
		over := next[0].Ended+r.cfg.Deduplicate.Milliseconds() <= watermark.UnixMilli()
		if !over && held <= r.cfg.Limits.DeduplicateSpans {
			break
		}
		if !over {
			early++
		}
		held -= next[0].spans
		dropped = append(dropped, next[0])
		next = next[1:]
	}
	return next, dropped, early
}

// writeEpochs writes the fresh hashes of all workers into the last epoch's
// bucket and drops the buckets of the epochs that ended.
func (r *Recorder) writeEpochs(tx *state.Tx) error {
	for _, e := range r.saved.dropped {
		if err := tx.Drop(e.bucket()); err != nil {
			return err
		}
	}
	last := r.epochs[len(r.epochs)-1]
	if slices.ContainsFunc(r.saved.dropped, func(e epoch) bool { return e.Number == last.Number }) {
		return nil
	}
	bucket, number, block := tx.Bucket(last.bucket()), last.blocks, r.buffer[:0]
	put := func() error {
		err := bucket.Put(binary.BigEndian.AppendUint64(nil, number), block)
		number, block = number+1, block[:0]
		return err
	}
	for _, t := range r.tallies {
		for _, h := range t.fresh {
			if block = binary.LittleEndian.AppendUint64(block, h); len(block) == 8*blockHashes {
				if err := put(); err != nil {
					return err
				}
			}
		}
	}
	r.buffer = block
	if len(block) == 0 {
		return nil
	}
	return put()
}

// fresh returns how many spans were counted since the last Publish.
func (r *Recorder) fresh() int {
	n := 0
	for _, t := range r.tallies {
		n += len(t.fresh)
	}
	return n
}

// publishEpochs makes the epochs that were saved the present ones.
func (r *Recorder) publishEpochs() {
	for _, e := range r.saved.dropped {
		if e.tag != 0 {
			r.dedup.drop(e.tag)
		}
	}
	r.epochs = r.saved.epochs
	if last := &r.epochs[len(r.epochs)-1]; last.tag == 0 {
		last.tag = r.dedup.open()
	}
}

// loadEpochs fills the dedup window from the state file.
func (r *Recorder) loadEpochs(tx *state.Tx, epochs []epoch) error {
	if len(epochs) > maxTags {
		return fmt.Errorf("read %q: %d epochs: %w", metaBucket, len(epochs), errRecord)
	}
	for _, e := range epochs {
		e.tag = r.dedup.open()
		err := tx.Bucket(e.bucket()).ForEach(func(_, block []byte) error {
			for ; len(block) >= 8; block = block[8:] {
				r.dedup.restore(binary.LittleEndian.Uint64(block))
				e.spans++
			}
			e.blocks++
			if len(block) > 0 {
				return errRecord
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("read %q: %w", e.bucket(), err)
		}
		r.epochs = append(r.epochs, e)
	}
	return nil
}
