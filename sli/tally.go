package sli

import (
	"math/bits"

	"github.com/traceslo/traceslo/source"
)

// A tally is what one worker counted since the last Publish. Its memory is kept
// from step to step, so that a warm one allocates nothing.
type tally struct {
	scale *scale
	// cells are the label sets that were counted, and at has the place of each
	// one's cell, plus one, by the set's slot.
	cells []cell
	at    []uint32
	// blocks and exemplars belong to the cells.
	blocks    []block
	exemplars []exemplar
	// fresh are the hashes of the spans counted.
	fresh []uint64
	// duplicates are spans that were counted before, overflows those that met a limit.
	duplicates uint64
	overflows  map[overflow]uint64
	// minutes, culprits and bad are what was judged; platform is the series of all spans.
	minutes  minutes
	culprits culprits
	bad      badEvents
	platform *series
	// page is what the dedup window needs while it looks at a page, and batch
	// the spans that are looked up at once.
	page    page
	batch   [batchLen]placed
	batched int
	// touched keeps the compiler from leaving reads out that fetch memory.
	touched uint16
	// values holds the dimensions of a span that has no label set yet, and
	// strange the spans of a page with something to be admitted.
	values  []string
	strange []placed
	// bent holds what spans of the batch are judged by that limits bend, and
	// judges what may be among it.
	bent   []*series
	judges []*judge
}

// batchLen is how many spans are looked up before they are added: looking up
// waits for memory, and does so for many spans at once if nothing comes between.
const batchLen = 32

// A placed is a span, where it counts, and its type of error if it failed.
type placed struct {
	span    *source.Span
	set     *set
	cell    uint32
	failure uint16
	// bent holds for a span that limits put into a set of another service or
	// operation. Its events are the series that it can be an event of; all
	// others have those of the set.
	bent   bool
	events []*series
	// over are the limits that the span met.
	over limits
	// group is what the span stands for, nil if that is itself alone.
	group *source.Group
}

// weight returns how many spans p counts as, and the sum of their durations in
// microseconds.
func (p *placed) weight() (count uint32, micros uint64) {
	if p.group != nil {
		return uint32(p.group.Count), p.group.Duration
	}
	return 1, uint64(max(p.span.Duration, 0))
}

// A cell is what one worker counted of one label set: a sum, and a small map
// from keys to numbers, of which the cell itself is the first block.
type cell struct {
	block
	set             *set
	sumHigh, sumLow uint64
}

// A block is as much of a cell's map as a cache line holds. A key of 0 is a free
// place. What is counted often comes early, for it is met early.
type block struct {
	numbers [blockLen]uint32
	keys    [blockLen]uint16
	// next is the place of the next block, plus one.
	next uint32
}

const blockLen = 10

// The keys of a cell's map: a count for each fine bucket and each type of error,
// and for each classic bucket the place of its exemplar, plus one.
const (
	keyFine     = 1
	keyExemplar = 1024
	keyError    = 2048
)

func newTally(s *scale, platform *series) *tally {
	return &tally{scale: s, overflows: map[overflow]uint64{}, platform: platform,
		minutes:  minutes{settled: map[seriesMinute]eventCount{}},
		culprits: culprits{places: map[culpritKey]uint32{}, crowd: map[crowdKey]uint32{}}}
}

// overflow counts the limits that a span met.
func (t *tally) overflow(p *placed) {
	for l := range limitKinds {
		if p.over.has(l) {
			n, _ := p.weight()
			t.overflows[overflow{p.set.operation.service.name, l}] += uint64(n)
		}
	}
}

// put counts a span in its label set, at the latest at the next flush.
func (t *tally) put(p placed, horizon int64) {
	t.batch[t.batched] = p
	if t.batched++; t.batched == batchLen {
		t.addBatch(horizon)
	}
}

// flush counts what is put, and forgets the spans, which are not ours.
func (t *tally) flush(horizon int64) {
	t.addBatch(horizon)
	clear(t.batch[:])
	clear(t.strange)
	t.strange = t.strange[:0]
}

// addBatch counts the spans of the batch.
func (t *tally) addBatch(horizon int64) {
	batch := t.batch[:t.batched]
	t.batched = 0
	touched := uint16(0)
	for i := range batch {
		p := &batch[i]
		p.cell = t.cell(p.set)
		touched |= t.cells[p.cell].keys[0]
	}
	t.touched = touched
	for i := range batch {
		p := &batch[i]
		t.add(&t.cells[p.cell], p, horizon)
		t.judge(p, horizon)
	}
	t.bent = t.bent[:0]
}

// judge counts what a span is an event of.
func (t *tally) judge(p *placed, horizon int64) {
	s := p.span
	end := s.End()
	minute := t.minutes.minuteOf(end)
	n, _ := p.weight()
	t.minutes.add(t.platform, minute, n, 0)
	for _, e := range p.judged() {
		switch {
		case !e.judge.takes(s):
		case e.judge.good(s):
			t.minutes.add(e, minute, n, 0)
		default:
			t.minutes.add(e, minute, n, n)
			t.culprits.add(e, p.set, p.culprit(), minute, n)
			if end >= 0 && end <= horizon && p.group == nil {
				t.tell(e, p, end)
			}
		}
	}
}

// judged returns the series that the span can be an event of.
func (p *placed) judged() []*series {
	if p.bent {
		return p.events
	}
	return p.set.events
}

// tell keeps a bad event of e.
func (t *tally) tell(e *series, p *placed, end int64) {
	t.bad.add(e, badEvent{p.span.TraceID, p.span.SpanID, end, p.span.Duration, p.set, p.culprit()})
}

// culprit returns the place of the span's type of error, plus one; 0 if it did
// not fail.
func (p *placed) culprit() uint32 {
	if !p.span.Failed {
		return 0
	}
	return uint32(p.failure) + 1
}

// add counts a span in the cell of its label set.
func (t *tally) add(c *cell, p *placed, horizon int64) {
	s := p.span
	n, micros := p.weight()
	var carry uint64
	c.sumLow, carry = bits.Add64(c.sumLow, micros, 0)
	c.sumHigh += carry

	fine := t.scale.fine(uint64(max(s.Duration, 0)))
	*t.number(c, keyFine+uint16(fine)) += n
	if s.Failed {
		*t.number(c, keyError+p.failure) += n
	}
	if end := s.End(); end >= 0 && end <= horizon && p.group == nil {
		t.show(c, s, fine, end)
	}
}

// show keeps a span as the exemplar of its bucket if it is better than the one there.
func (t *tally) show(c *cell, s *source.Span, fine int, end int64) {
	e := exemplar{trace: s.TraceID, end: end, duration: uint64(max(s.Duration, 0)), bucket: t.scale.classic[fine], failed: s.Failed}
	place := t.number(c, keyExemplar+uint16(e.bucket))
	if *place == 0 {
		t.exemplars = append(t.exemplars, e)
		*place = uint32(len(t.exemplars))
	} else if best := &t.exemplars[*place-1]; e.better(best) {
		*best = e
	}
}

// cell returns the place of the set's cell.
func (t *tally) cell(s *set) uint32 {
	for int(s.slot) >= len(t.at) {
		t.at = append(t.at, 0)
	}
	place := t.at[s.slot]
	if place == 0 {
		t.cells = append(t.cells, cell{set: s})
		place = uint32(len(t.cells))
		t.at[s.slot] = place
	}
	return place - 1
}

// number returns the number at key in c's map, 0 if it is new there. The
// numbers have 32 bits: a worker counts fewer spans in a step. The pointer is
// valid until the next call.
func (t *tally) number(c *cell, key uint16) *uint32 {
	for b := &c.block; ; b = &t.blocks[b.next-1] {
		for i, k := range &b.keys {
			if k == key {
				return &b.numbers[i]
			}
			if k == 0 {
				b.keys[i] = key
				return &b.numbers[i]
			}
		}
		if b.next == 0 {
			// The link is set before the blocks may move.
			b.next = uint32(len(t.blocks) + 1)
			t.blocks = append(t.blocks, block{})
		}
	}
}

// sum adds what the tally has of the set to c, and reports the types of errors
// by their places.
func (t *tally) sum(s *set, c *counts, failed func(place uint16, n uint64)) {
	if int(s.slot) >= len(t.at) || t.at[s.slot] == 0 {
		return
	}
	from := &t.cells[t.at[s.slot]-1]
	c.addSum(from.sumHigh, from.sumLow)
	for b := &from.block; ; b = &t.blocks[b.next-1] {
		for i, key := range &b.keys {
			switch n := uint64(b.numbers[i]); {
			case key == 0:
			case key >= keyError:
				failed(key-keyError, n)
			case key >= keyExemplar:
				c.offer(t.exemplars[n-1])
			default:
				fine := key - keyFine
				c.classic[t.scale.classic[fine]] += n
				c.addNative(int(t.scale.native[fine]), n)
			}
		}
		if b.next == 0 {
			return
		}
	}
}

// empty forgets everything and keeps the memory.
func (t *tally) empty() {
	for i := range t.cells {
		t.at[t.cells[i].set.slot] = 0
	}
	clear(t.cells)
	clear(t.overflows)
	t.minutes.empty()
	t.culprits.empty()
	t.bad.empty()
	t.cells, t.blocks, t.exemplars, t.fresh = t.cells[:0], t.blocks[:0], t.exemplars[:0], t.fresh[:0]
	t.duplicates = 0
}
