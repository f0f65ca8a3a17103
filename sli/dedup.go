package sli

import (
	"encoding/binary"
	"math/bits"
	"sync"

	"github.com/dchest/siphash"

	"github.com/traceslo/traceslo/source"
)

// A dedup is the set of the spans that were counted within the window, each as
// a keyed hash of 64 bits with the tag of its epoch, in 8 bytes.
//
// It is cut into segments, by the hash's leading bits. The bits that a segment
// has in common need not be stored, and the tag takes their place: so no bit of
// the hash is lost, and one look-up serves all epochs.
//
// A segment is an open-addressed table with linear probing, in which the
// hashes lie almost in their own order: place = hash · length / 2^64. It holds
// at most 75 of 100 places, grows by 1.4, and shrinks below the half, so that a
// span takes at most 16 bytes (beyond what the smallest tables take). Fuller
// tables would take 13, and look at three times as many places to find nothing.
type dedup struct {
	key      [2]uint64
	segments [segments]segment
	// live has the bit of each tag that is in use. Hashes with another tag are
	// dead, and a segment sheds them when it is next locked: sheds counts how
	// often tags died. Both are written only while nobody counts.
	live  uint64
	sheds uint32
	// tag is that of the epoch which receives.
	tag uint64
}

type segment struct {
	// mu guards the rest.
	mu    sync.Mutex
	slots []uint64
	used  int
	// sheds is up to which death of a tag the dead ones are gone.
	sheds uint32
	// Segments in different hands share no cache line.
	_ [16]byte
}

const (
	segmentBits = 6
	segments    = 1 << segmentBits
	// tagMask covers the tag. Tag 0 is not given out: 0 is an empty place.
	tagMask = segments - 1
	// maxTags is how many epochs can be told apart.
	maxTags = segments - 1

	minSlots = 32
)

// A page is the scratch of one worker while it looks at one page of spans.
type page struct {
	message []byte
	hashes  []uint64
	// order has the spans of each segment one after the other; those of segment
	// i begin at from[i].
	order []uint32
	from  [segments + 1]uint32
	// repeated tells of each span whether it was counted before.
	repeated []bool
	touched  uint64
}

// hash returns the keyed hash of all that makes a span this span. The key is
// secret, so that nobody can choose spans that pass for each other.
func (d *dedup) hash(p *page, s *source.Span) uint64 {
	b := p.message[:0]
	b = append(b, s.TraceID[:]...)
	b = binary.LittleEndian.AppendUint64(b, s.SpanID)
	b = binary.LittleEndian.AppendUint64(b, uint64(s.Start))
	b = binary.LittleEndian.AppendUint64(b, uint64(s.Duration))
	b = append(b, byte(s.Kind))
	b = append(b, s.Service...)
	p.message = b
	return siphash.Hash(d.key[0], d.key[1], b)
}

// insert enters the spans of a page, tells in p.repeated which were there, and
// returns fresh with the hashes of the others.
//
// It goes segment by segment: one lock for all spans of a segment, and their
// places are touched once before they are needed, so that the memory is
// waited for once and not span by span.
func (d *dedup) insert(p *page, spans []source.Span, fresh []uint64) []uint64 {
	p.hashes = p.hashes[:0]
	p.from = [segments + 1]uint32{}
	for i := range spans {
		h := d.hash(p, &spans[i])
		p.hashes = append(p.hashes, h)
		p.from[h>>(64-segmentBits)+1]++
	}
	for i := range segments {
		p.from[i+1] += p.from[i]
	}
	p.order = resize(p.order, len(spans))
	p.repeated = resize(p.repeated, len(spans))
	next := p.from
	for i, h := range p.hashes {
		seg := h >> (64 - segmentBits)
		p.order[next[seg]] = uint32(i)
		next[seg]++
	}
	for i := range d.segments {
		if group := p.order[p.from[i]:p.from[i+1]]; len(group) > 0 {
			fresh = d.insertGroup(&d.segments[i], p, group, fresh)
		}
	}
	return fresh
}

func (d *dedup) insertGroup(seg *segment, p *page, group []uint32, fresh []uint64) []uint64 {
	seg.mu.Lock()
	defer seg.mu.Unlock()
	if seg.sheds != d.sheds {
		seg.shed(d.live, d.sheds)
	}
	seg.reserve(len(group))
	for _, i := range group {
		p.touched |= seg.slots[seg.home(p.hashes[i]<<segmentBits)]
	}
	for _, i := range group {
		h := p.hashes[i]
		p.repeated[i] = !seg.insert(h<<segmentBits | d.tag)
		if !p.repeated[i] {
			fresh = append(fresh, h)
		}
	}
	return fresh
}

// restore enters a hash that an earlier process counted.
func (d *dedup) restore(hash uint64) {
	seg := &d.segments[hash>>(64-segmentBits)]
	seg.reserve(1)
	seg.insert(hash<<segmentBits | d.tag)
}

// remove takes out a hash that was entered since the last epoch was dropped.
func (d *dedup) remove(hash uint64) {
	d.segments[hash>>(64-segmentBits)].remove(hash << segmentBits)
}

// open begins a new epoch and returns its tag; there must be fewer than maxTags.
func (d *dedup) open() uint64 {
	// A tag is given out again only when no dead hash carries it.
	for i := range d.segments {
		if seg := &d.segments[i]; seg.sheds != d.sheds {
			seg.shed(d.live, d.sheds)
		}
	}
	for {
		d.tag = max((d.tag+1)&tagMask, 1)
		if d.live>>d.tag&1 == 0 {
			d.live |= 1 << d.tag
			return d.tag
		}
	}
}

// drop ends the epoch of that tag.
func (d *dedup) drop(tag uint64) {
	d.live &^= 1 << tag
	d.sheds++
}

// home returns where an entry belongs.
func (s *segment) home(entry uint64) int {
	hi, _ := bits.Mul64(entry&^tagMask, uint64(len(s.slots)))
	return int(hi)
}

// insert enters an entry and reports whether it was not there.
func (s *segment) insert(entry uint64) bool {
	slots := s.slots
	for i := s.home(entry); ; i++ {
		if i == len(slots) {
			i = 0
		}
		switch e := slots[i]; {
		case e == 0:
			slots[i] = entry
			s.used++
			return true
		case (e^entry)&^tagMask == 0:
			return false
		}
	}
}

// remove takes out the entry of a hash, which must be there, and moves those up
// that had to give way to it.
func (s *segment) remove(entry uint64) {
	i := s.home(entry)
	for (s.slots[i]^entry)&^tagMask != 0 {
		i = s.after(i)
	}
	for j := s.after(i); s.slots[j] != 0; j = s.after(j) {
		if s.distance(s.home(s.slots[j]), j) >= s.distance(i, j) {
			s.slots[i] = s.slots[j]
			i = j
		}
	}
	s.slots[i] = 0
	s.used--
}

func (s *segment) after(i int) int {
	if i++; i == len(s.slots) {
		return 0
	}
	return i
}

// distance returns how far it is from i on to j.
func (s *segment) distance(i, j int) int {
	if j < i {
		j += len(s.slots)
	}
	return j - i
}

// reserve makes room for n more entries.
func (s *segment) reserve(n int) {
	if need := s.used + n; need*100 > len(s.slots)*75 {
		s.rebuild(max(minSlots, len(s.slots)*14/10, need*100/75+1))
	}
}

func (s *segment) rebuild(length int) {
	old := s.slots
	s.slots, s.used = make([]uint64, length), 0
	for _, e := range old {
		if e != 0 {
			s.insert(e)
		}
	}
}

// shed removes what has no live tag, where it lies: going on from an empty
// place, each entry is taken out and put back, where it finds its home or a
// place nearer to it.
func (s *segment) shed(live uint64, sheds uint32) {
	s.sheds = sheds
	if s.used == 0 {
		return
	}
	start := 0
	for s.slots[start] != 0 {
		start++
	}
	for i := s.after(start); i != start; i = s.after(i) {
		e := s.slots[i]
		if e == 0 {
			continue
		}
		s.slots[i] = 0
		s.used--
		if live>>(e&tagMask)&1 == 1 {
			s.insert(e)
		}
	}
	if length := max(minSlots, s.used*100/60); s.used*2 < len(s.slots) && length < len(s.slots) {
		s.rebuild(length)
	}
}

// resize returns a slice of length n, s itself where it is long enough.
func resize[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n, n+n/4)
	}
	return s[:n]
}
