package slo

import (
	"encoding/binary"
	"errors"
	"math/bits"
)

// A chunk is one hour of a series, minute by minute. It is encoded as
//
//	a uvarint with a bit for each minute that has no event
//	for each minute that has: the difference of its events to those of the
//	  last one that had, as a varint
//	a uvarint with a bit for each minute that has bad events
//	for each such minute: the bad events, as a uvarint
//
// so that an hour of steady traffic takes little more than a byte a minute,
// and a quiet one next to nothing.
type chunk [60]Count

const allMinutes = 1<<60 - 1

// errLedger is what is wrong with a record of the ledger that is not as it was written.
var errLedger = errors.New("the record of the ledger is damaged")

// append appends the encoded chunk to b.
func (c *chunk) append(b []byte) []byte {
	var with, bad uint64
	for i := range c {
		if c[i].Events > 0 {
			with |= 1 << i
		}
		if c[i].Bad > 0 {
			bad |= 1 << i
		}
	}
	b = binary.AppendUvarint(b, ^with&allMinutes)
	last := uint64(0)
	for set := with; set != 0; set &= set - 1 {
		n := c[bits.TrailingZeros64(set)].Events
		b = binary.AppendVarint(b, int64(n-last))
		last = n
	}
	b = binary.AppendUvarint(b, bad)
	for set := bad; set != 0; set &= set - 1 {
		b = binary.AppendUvarint(b, c[bits.TrailingZeros64(set)].Bad)
	}
	return b
}

// decode sets c to what b holds; nothing is an hour without events.
func (c *chunk) decode(b []byte) error {
	*c = chunk{}
	if b == nil {
		return nil
	}
	r := reader{rest: b}
	without := r.uvarint()
	last := uint64(0)
	for set := ^without & allMinutes; set != 0; set &= set - 1 {
		last += uint64(r.varint())
		c[bits.TrailingZeros64(set)].Events = last
	}
	bad := r.uvarint()
	if without > allMinutes || bad > allMinutes {
		return errLedger
	}
	for set := bad; set != 0; set &= set - 1 {
		c[bits.TrailingZeros64(set)].Bad = r.uvarint()
	}
	if r.broken || len(r.rest) > 0 {
		return errLedger
	}
	for i := range c {
		if c[i].Bad > c[i].Events {
			return errLedger
		}
	}
	return nil
}

// append appends the encoded count to b.
func (c Count) append(b []byte) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(b, c.Events), c.Bad)
}

// decode sets c to what b holds; nothing is no event.
func (c *Count) decode(b []byte) error {
	*c = Count{}
	if b == nil {
		return nil
	}
	r := reader{rest: b}
	*c = Count{r.uvarint(), r.uvarint()}
	if r.broken || len(r.rest) > 0 || c.Bad > c.Events {
		return errLedger
	}
	return nil
}

// A reader reads numbers and bytes. After anything that is none, it is broken
// and yields zeros.
type reader struct {
	rest   []byte
	broken bool
}

func (r *reader) uvarint() uint64 {
	n, size := binary.Uvarint(r.rest)
	r.advance(size)
	return n
}

func (r *reader) varint() int64 {
	n, size := binary.Varint(r.rest)
	r.advance(size)
	return n
}

func (r *reader) advance(size int) {
	if size <= 0 {
		r.rest, r.broken = nil, true
		return
	}
	r.rest = r.rest[size:]
}

// bytes returns the next n bytes.
func (r *reader) bytes(n uint64) []byte {
	if n > uint64(len(r.rest)) {
		r.rest, r.broken = nil, true
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}
