package sli

import (
	"math"
	"testing"

	"github.com/traceslo/traceslo/source"
)

// seeds are records as they come and records that lie about themselves.
func seeds() [][]byte {
	c := newCounts(3)
	empty, _ := c.append(nil)
	c.born, c.last, c.sumHigh, c.sumLow = 1_700_000_000_000, 1_700_000_060_000, 1, math.MaxUint64
	copy(c.classic, []uint64{1, 0, 2, math.MaxUint64})
	for _, place := range []int{0, 1, 100, natives - 1} {
		c.addNative(place, 5)
	}
	e, _ := c.error("Timeout", c.born)
	e.count = 7
	c.offer(exemplar{trace: source.TraceID{1}, end: math.MaxInt64, duration: 9, bucket: 2, failed: true})
	c.offer(exemplar{trace: source.TraceID{2}, end: 1, duration: 9, bucket: 0})
	whole, durable := c.append(nil)
	return [][]byte{empty, whole, whole[:durable], whole[:durable-1], whole[:len(whole)-1],
		{1, 1, 1, 1, 1, 1, 1, 1, 0xff, 0xff, 0x03, 1, 0},                                        // a native bucket that there is none of
		{1, 1, 1, 1, 1, 1, 1, 1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01}, // 2^64 types of errors
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02},                            // a number of more than 64 bits
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range seeds() {
		f.Add(s)
	}
	a, b := newCounts(3), newCounts(3)
	f.Fuzz(func(t *testing.T, data []byte) {
		durable, err := a.decode(record(data))
		if err != nil {
			return
		}
		if durable > len(data) {
			t.Fatalf("the durable part is %d of %d bytes", durable, len(data))
		}
		// What was understood is written and understood again.
		once, _ := a.append(nil)
		if _, err := b.decode(record(once)); err != nil {
			t.Fatalf("%x, made of %x: %v", once, data, err)
		}
		if twice, _ := b.append(nil); string(twice) != string(once) {
			t.Fatalf("%x became %x", once, twice)
		}
	})
}

func FuzzDecodeLabels(f *testing.F) {
	f.Add(labels{service: "s", operation: "o", kind: source.KindServer, values: []string{"a", ""}}.append(nil))
	f.Add([]byte{0xff, 1, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := decodeLabels(string(data), 2)
		if err != nil {
			return
		}
		again, err := decodeLabels(string(l.append(nil)), 2)
		if err != nil || again.service != l.service || again.operation != l.operation || again.kind != l.kind || again.values[1] != l.values[1] {
			t.Fatalf("%+v became %+v, %v", l, again, err)
		}
	})
}
