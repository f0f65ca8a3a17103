package state

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
)

// This file knows how bbolt lays out pages, as verify has to check them before
// bbolt trusts them: go.etcd.io/bbolt v1.5, internal/common/{meta,page,bucket}.go
// and internal/freelist/shared.go. All numbers are in the machine's byte order.
const (
	// pageSize is fixed, so that a file reads the same on machines whose
	// memory pages are larger.
	pageSize = 4096

	pageHeader = 16 // id 8, flags 2, count 2, overflow 4
	element    = 16 // of a branch: pos 4, ksize 4, page 8; of a leaf: flags 4, pos 4, ksize 4, vsize 4
	bucketHead = 16 // root page 8, sequence 8

	branchPage   = 0x01
	leafPage     = 0x02
	metaPage     = 0x04
	freelistPage = 0x10

	bucketFlag = 0x01

	boltMagic   = 0xED0CDAED
	boltVersion = 2
)

var order = binary.NativeEndian

// A page is a page with the overflow pages that belong to it, or one that lies
// within a value.
type page []byte

func (p page) id() uint64       { return order.Uint64(p) }
func (p page) flags() uint16    { return order.Uint16(p[8:]) }
func (p page) count() int       { return int(order.Uint16(p[10:])) }
func (p page) overflow() uint32 { return order.Uint32(p[12:]) }

// branch returns element i of a branch page, which must have so many; ok is
// unset if it points out of the page.
func (p page) branch(i int) (key []byte, child uint64, ok bool) {
	at := pageHeader + i*element
	e := p[at : at+element]
	key, _, ok = p.data(at, order.Uint32(e), order.Uint32(e[4:]), 0)
	return key, order.Uint64(e[8:]), ok
}

// leaf returns element i of a leaf page, which must have so many; ok is unset
// if it points out of the page.
func (p page) leaf(i int) (flags uint32, key, value []byte, ok bool) {
	at := pageHeader + i*element
	e := p[at : at+element]
	key, value, ok = p.data(at, order.Uint32(e[4:]), order.Uint32(e[8:]), order.Uint32(e[12:]))
	return order.Uint32(e), key, value, ok
}

// data returns the key and the value that the element at an offset points to.
func (p page) data(at int, pos, ksize, vsize uint32) (key, value []byte, ok bool) {
	from := uint64(at) + uint64(pos)
	mid := from + uint64(ksize)
	to := mid + uint64(vsize)
	if ksize == 0 || from < uint64(pageHeader+p.count()*element) || to > uint64(len(p)) {
		return nil, nil, false
	}
	return p[from:mid:mid], p[mid:to:to], true
}

// free returns the page ids of a freelist page; ok is unset if they go beyond it.
func (p page) free() (ids []byte, ok bool) {
	n, ids := uint64(p.count()), p[pageHeader:]
	if n == 0xFFFF {
		n, ids = order.Uint64(ids), ids[8:]
	}
	if n > uint64(len(ids)/8) {
		return nil, false
	}
	return ids[:n*8], true
}

// A meta is what a meta page says, which is where everything starts.
type meta struct {
	root     uint64 // the page of the buckets' names
	freelist uint64 // the page of the list of free pages
	pages    uint64 // how many pages there are, used or free: the high-water mark
	txid     uint64 // the transaction that wrote it
}

// decodeMeta returns the meta of a meta page and whether it is valid; bolt
// holds if it is or might have been one of bbolt's.
func decodeMeta(p page) (m meta, bolt, valid bool) {
	b := p[pageHeader:]
	if order.Uint32(b) != boltMagic {
		return meta{}, false, false
	}
	hash := fnv.New64a()
	hash.Write(b[:56])
	valid = order.Uint32(b[4:]) == boltVersion && order.Uint64(b[56:]) == hash.Sum64()
	return meta{
		root:     order.Uint64(b[16:]),
		freelist: order.Uint64(b[32:]),
		pages:    order.Uint64(b[40:]),
		txid:     order.Uint64(b[48:]),
	}, true, valid
}

// readMeta returns the meta that bbolt goes by: the newest valid one. It returns
// ErrForeign if there is nothing of bbolt's.
func readMeta(file io.ReaderAt) (meta, error) {
	var b [2 * pageSize]byte
	if _, err := file.ReadAt(b[:], 0); err != nil && !errors.Is(err, io.EOF) {
		return meta{}, err
	}
	first, bolt0, ok0 := decodeMeta(b[:pageSize])
	second, bolt1, ok1 := decodeMeta(b[pageSize:])
	for i, ok := range []bool{ok0, ok1} {
		// A bbolt file, but not with the page size that we set.
		if size := order.Uint32(b[i*pageSize+pageHeader+8:]); ok && size != pageSize {
			return meta{}, fmt.Errorf("pages of %d bytes: %w", size, ErrForeign)
		}
	}
	switch {
	case ok0 && (!ok1 || first.txid >= second.txid):
		return first, nil
	case ok1:
		return second, nil
	case bolt0 || bolt1:
		return meta{}, errors.New("both meta pages are broken")
	}
	return meta{}, ErrForeign
}
