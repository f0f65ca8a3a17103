package state_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/traceslo/traceslo/internal/state"
)

// A body is the bytes of a state file, for changes that no bbolt would make. The
// layout of its pages is written down here a second time.
type body []byte

var native = binary.NativeEndian

func (b body) page(id uint64) []byte { return b[id*pageSize:][:pageSize] }

// meta returns the newest meta.
func (b body) meta() []byte {
	first, second := b.page(0)[16:], b.page(1)[16:]
	if native.Uint64(first[48:]) > native.Uint64(second[48:]) {
		return first
	}
	return second
}

func (b body) root() uint64     { return native.Uint64(b.meta()[16:]) }
func (b body) freelist() uint64 { return native.Uint64(b.meta()[32:]) }

// bucket returns the value that the root page, a leaf, has for a bucket.
func (b body) bucket(name string) []byte {
	p := b.page(b.root())
	for i := range int(native.Uint16(p[10:])) {
		e := p[16+16*i:]
		key := e[native.Uint32(e[4:]):][:native.Uint32(e[8:])]
		if string(key) == name {
			return e[native.Uint32(e[4:])+native.Uint32(e[8:]):][:native.Uint32(e[12:])]
		}
	}
	panic("there is no bucket " + name)
}

func TestPagesThatBboltWouldStumbleOverAreRefused(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	records := map[string]string{}
	for i := range 200 {
		// Even numbers leave room for a key between two.
		records[fmt.Sprintf("key %04d", 2*i)] = strings.Repeat("v", 100)
	}
	update(t, s, put("tree", records))
	update(t, s, put("small", map[string]string{"a": "1", "b": "2"}))
	update(t, s, put("large", map[string]string{"a": strings.Repeat("l", 20_000)}))
	update(t, s, func(tx *state.Tx) error { return tx.Drop("large") })
	var image bytes.Buffer
	if _, err := s.Backup(&image); err != nil {
		t.Fatal(err)
	}
	branch := func(b body) []byte { return b.page(native.Uint64(b.bucket("tree"))) }
	leaf := func(b body, i int) []byte { return b.page(native.Uint64(branch(b)[16+16*i+8:])) }
	tests := []struct {
		name   string
		change func(b body)
		says   string
	}{
		{"a page in use is listed as free", func(b body) { native.PutUint64(b.page(b.freelist())[16:], b.root()) }, "in use twice"},
		{"a page is listed as free twice", func(b body) {
			list := b.page(b.freelist())[16:]
			copy(list[8:], list[:8])
		}, "in use twice"},
		{"a meta page is listed as free", func(b body) { native.PutUint64(b.page(b.freelist())[16:], 1) }, "in use twice"},
		{"a free page is not listed", func(b body) {
			p := b.page(b.freelist())
			native.PutUint16(p[10:], native.Uint16(p[10:])-1)
		}, "neither in use nor free"},
		{"the list of free pages is endless", func(b body) {
			p := b.page(b.freelist())
			native.PutUint16(p[10:], 0xFFFF)
			native.PutUint64(p[16:], 1<<40)
		}, "not a list of free pages"},
		{"a branch leads to itself", func(b body) { native.PutUint64(branch(b)[16+8:], native.Uint64(branch(b))) }, "in use twice"},
		{"a branch leads beyond the last page", func(b body) { native.PutUint64(branch(b)[16+8:], 1<<40) }, "beyond the last"},
		{"two branches lead to one page", func(b body) { copy(branch(b)[16+8:][:8], branch(b)[32+8:][:8]) }, "first key"},
		{"a key of a branch is not its page's first", func(b body) {
			e := branch(b)[16+16:]
			key := e[native.Uint32(e):][:native.Uint32(e[4:])]
			key[len(key)-1]--
		}, "first key"},
		{"a page has a key of the next", func(b body) {
			e := branch(b)[16+16:]
			key := e[native.Uint32(e):][:native.Uint32(e[4:])]
			key[len(key)-1] -= 2
		}, "its last key belongs to another page"},
		{"the list of free pages is another page", func(b body) { native.PutUint16(b.page(b.freelist())[8:], 0x02) }, "not a list of free pages"},
		{"keys are out of order", func(b body) {
			// The elements change places; each says how far its data is away.
			one, two := leaf(b, 0)[16:32], leaf(b, 0)[32:48]
			for i := range 16 {
				one[i], two[i] = two[i], one[i]
			}
			native.PutUint32(one[4:], native.Uint32(one[4:])+16)
			native.PutUint32(two[4:], native.Uint32(two[4:])-16)
		}, "first key"},
		{"keys are out of order further on", func(b body) {
			one, two := leaf(b, 0)[32:48], leaf(b, 0)[48:64]
			for i := range 16 {
				one[i], two[i] = two[i], one[i]
			}
			native.PutUint32(one[4:], native.Uint32(one[4:])+16)
			native.PutUint32(two[4:], native.Uint32(two[4:])-16)
		}, "out of order"},
		{"a page is empty", func(b body) { native.PutUint16(leaf(b, 1)[10:], 0) }, "empty"},
		{"a page has more elements than fit", func(b body) { native.PutUint16(leaf(b, 1)[10:], 300) }, "do not fit"},
		{"a value goes beyond its page", func(b body) { native.PutUint32(leaf(b, 0)[16+12:], 1<<31) }, "points out of it"},
		{"a page goes on into the next", func(b body) { native.PutUint32(leaf(b, 0)[12:], 1) }, "in use twice"},
		{"a page goes on beyond the last", func(b body) { native.PutUint32(leaf(b, 0)[12:], 1<<31) }, ""},
		{"a page within another has a number", func(b body) { native.PutUint64(b.bucket("small")[16:], b.root()) }, "its page is broken"},
		{"a page within another goes on", func(b body) { native.PutUint32(b.bucket("small")[16+12:], 2) }, "its page is broken"},
		{"a page within another is a branch", func(b body) { native.PutUint16(b.bucket("small")[16+8:], 1) }, "its page is broken"},
		{"a record is marked as a bucket", func(b body) { native.PutUint32(leaf(b, 0)[16:], 1) }, "checksum"},
		{"a bucket is marked as a record", func(b body) { native.PutUint32(b.page(b.root())[32:], 0) }, "outside of the buckets"},
		{"a page is neither branch nor leaf", func(b body) { native.PutUint16(leaf(b, 0)[8:], 0x10) }, "neither a branch nor a leaf"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := body(slices.Clone(image.Bytes()))
			test.change(b)
			path := newPath(t)
			write(t, path, b)
			for _, err := range opened(path) {
				if !errors.Is(err, state.ErrDamaged) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v, want ErrDamaged and %q", err, test.says)
				}
			}
		})
	}
}
