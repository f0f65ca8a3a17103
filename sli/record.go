package sli

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"slices"
	"strings"
)

// A record is what was counted of one label set, encoded: an immutable string
// that begins with exactly the bytes that the state file holds (all numbers are
// varints) and ends with the exemplars, which are not durable.
//
//	born, last−born, sum (high and low word)
//	count of each classic bucket and of +Inf, not cumulative
//	native buckets: distance from the one before, count; ended by a distance of 0
//	number of errors; of each: length of its type, type, born, last−born, count
//	-- until here durable --
//	number of exemplars; of each: bucket, duration, end, trace
//
// Times are milliseconds since the Unix epoch.
type record = string

// counts is a record taken apart. One is reused for many records: the strings
// in it lie in the record that was decoded last.
type counts struct {
	// born is when the label set was first saved, last when it last counted a span.
	born, last int64
	// sumHigh and sumLow are the sum of all durations in microseconds.
	sumHigh, sumLow uint64
	// classic has one place for each bound and one for what is above them all.
	classic []uint64
	// native has one place for each native bucket; all outside [from, to) are 0.
	native   [natives]uint64
	from, to int
	// errors are sorted by type.
	errors []errorCount
	// exemplars has at most one for each classic bucket, sorted by bucket.
	exemplars []exemplar
}

// An errorCount is how often one type of error was counted. It is a series of
// its own, with a birth and an end of its own.
type errorCount struct {
	kind       string
	born, last int64
	count      uint64
}

// newCounts returns the scratch for records of a histogram with that many bounds.
func newCounts(bounds int) *counts { return &counts{classic: make([]uint64, bounds+1)} }

// reset makes c the counts of a label set without spans.
func (c *counts) reset(born int64) {
	clear(c.classic)
	clear(c.native[c.from:c.to])
	*c = counts{born: born, last: born, classic: c.classic, native: c.native, errors: c.errors[:0], exemplars: c.exemplars[:0]}
}

// total returns the number of spans.
func (c *counts) total() uint64 {
	var n uint64
	for _, k := range c.classic {
		n += k
	}
	return n
}

// seconds returns the sum of all durations in seconds.
func (c *counts) seconds() float64 {
	if c.sumHigh == 0 {
		return float64(c.sumLow) / 1e6
	}
	return (float64(c.sumHigh)*(1<<64) + float64(c.sumLow)) / 1e6
}

// addSum adds microseconds, as a number of 128 bits: exact, whatever the order.
func (c *counts) addSum(high, low uint64) {
	var carry uint64
	c.sumLow, carry = bits.Add64(c.sumLow, low, 0)
	c.sumHigh, _ = bits.Add64(c.sumHigh, high, carry)
}

// addNative adds n spans to the native bucket at place.
func (c *counts) addNative(place int, n uint64) {
	if c.from == c.to {
		c.from, c.to = place, place+1
	}
	c.from, c.to = min(c.from, place), max(c.to, place+1)
	c.native[place] += n
}

// error returns the count of that type of error, added if there is none, and
// whether it was there.
func (c *counts) error(kind string, born int64) (e *errorCount, known bool) {
	i, known := slices.BinarySearchFunc(c.errors, kind, func(e errorCount, kind string) int { return strings.Compare(e.kind, kind) })
	if !known {
		c.errors = slices.Insert(c.errors, i, errorCount{kind: kind, born: born, last: born})
	}
	return &c.errors[i], known
}

// offer puts e into its bucket if it is better than the exemplar there.
func (c *counts) offer(e exemplar) {
	i, found := slices.BinarySearchFunc(c.exemplars, e.bucket, func(x exemplar, b uint8) int { return int(x.bucket) - int(b) })
	switch {
	case !found:
		c.exemplars = slices.Insert(c.exemplars, i, e)
	case e.better(&c.exemplars[i]):
		c.exemplars[i] = e
	}
}

// append appends the encoded c to b and returns how long b is at the end of the
// durable part.
func (c *counts) append(b []byte) (record []byte, durable int) {
	b = binary.AppendUvarint(b, uint64(c.born))
	b = binary.AppendUvarint(b, uint64(c.last-c.born))
	b = binary.AppendUvarint(b, c.sumHigh)
	b = binary.AppendUvarint(b, c.sumLow)
	for _, n := range c.classic {
		b = binary.AppendUvarint(b, n)
	}
	before := -1
	for place := c.from; place < c.to; place++ {
		if n := c.native[place]; n > 0 {
			b = binary.AppendUvarint(b, uint64(place-before))
			b = binary.AppendUvarint(b, n)
			before = place
		}
	}
	b = append(b, 0)
	b = binary.AppendUvarint(b, uint64(len(c.errors)))
	for _, e := range c.errors {
		b = appendText(b, e.kind)
		b = binary.AppendUvarint(b, uint64(e.born))
		b = binary.AppendUvarint(b, uint64(e.last-e.born))
		b = binary.AppendUvarint(b, e.count)
	}
	durable = len(b)
	b = binary.AppendUvarint(b, uint64(len(c.exemplars)))
	for i := range c.exemplars {
		b = c.exemplars[i].append(b)
	}
	return b, durable
}

// decode sets c to what r holds and returns the length of the durable part. r
// may end with that.
func (c *counts) decode(r record) (durable int, err error) {
	c.reset(0)
	d := decoder{rest: r}
	c.born = int64(d.uvarint())
	c.last = c.born + int64(d.uvarint())
	c.sumHigh, c.sumLow = d.uvarint(), d.uvarint()
	for i := range c.classic {
		c.classic[i] = d.uvarint()
	}
	for place := -1; ; {
		distance := d.uvarint()
		if distance == 0 {
			break
		}
		if distance > natives || place+int(distance) >= natives {
			return 0, errRecord
		}
		place += int(distance)
		c.addNative(place, d.uvarint())
	}
	for range d.uvarint() {
		if d.broken {
			break
		}
		e := errorCount{kind: d.text()}
		e.born = int64(d.uvarint())
		e.last = e.born + int64(d.uvarint())
		e.count = d.uvarint()
		c.errors = append(c.errors, e)
	}
	durable = len(r) - len(d.rest)
	if d.broken {
		return 0, errRecord
	}
	if d.rest == "" {
		return durable, nil
	}
	for range d.uvarint() {
		var e exemplar
		e.decode(&d)
		if d.broken || int(e.bucket) >= len(c.classic) {
			return 0, errRecord
		}
		c.exemplars = append(c.exemplars, e)
	}
	if d.broken || d.rest != "" {
		return 0, errRecord
	}
	return durable, nil
}

// mustDecode decodes a record that this process made or has decoded before.
func (c *counts) mustDecode(r record) (durable int) {
	durable, err := c.decode(r)
	if err != nil {
		panic(err)
	}
	return durable
}

// lastOf returns when the record's label set last counted a span.
func lastOf(r record) int64 {
	d := decoder{rest: r}
	return int64(d.uvarint()) + int64(d.uvarint())
}

// rebound makes c, counted with the bounds from, the counts with the bounds to.
// What was counted at or below a bound that is new is not known; it starts at
// what was counted at or below the next lower old one, the greatest number that
// is surely not too great, and grows from there.
func (c *counts) rebound(from, to []uint64) {
	old := slices.Clone(c.classic)
	c.classic = make([]uint64, len(to)+1)
	var below, taken uint64 // cumulative: in old, and what is already placed
	next := 0
	for i, bound := range to {
		for next < len(from) && from[next] <= bound {
			below += old[next]
			next++
		}
		c.classic[i] = below - taken
		taken = below
	}
	for _, n := range old[next:] {
		c.classic[len(to)] += n
	}
}

// errRecord is what is wrong with bytes that are no record.
var errRecord = errors.New("the record is damaged")

// A decoder reads what the append functions write. After anything that does not
// fit, it is broken and yields zeros.
type decoder struct {
	rest   string
	broken bool
}

func (d *decoder) uvarint() uint64 {
	var x uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen64; i++ {
		b := d.rest[i]
		if i == binary.MaxVarintLen64-1 && b > 1 {
			break
		}
		x |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.rest = d.rest[i+1:]
			return x
		}
	}
	d.rest, d.broken = "", true
	return 0
}

func (d *decoder) text() string { return d.bytes(d.uvarint()) }

func (d *decoder) bytes(n uint64) string {
	if n > uint64(len(d.rest)) {
		d.rest, d.broken = "", true
		return ""
	}
	s := d.rest[:n]
	d.rest = d.rest[n:]
	return s
}

func appendText(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}
