package state

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// A survey is what verify saw in a file.
type survey struct {
	header  header
	size    int64 // of the file, in bytes
	pages   uint64
	free    uint64 // pages
	buckets []contents
}

// contents are a bucket's records.
type contents struct {
	name   string
	digest digest
	bytes  int64 // of keys and values
}

// verify reads the whole of a locked file and returns an error if anything in
// it is not as it must be: the meta pages; every page, by its bounds, its order
// and its place in the tree; that each page is in use once or free once; every
// record's checksum, every bucket's digest, the header. visit, if not nil, is
// given every record on the way; its error is returned as it is. Of what
// is free it reads nothing.
//
// It goes by ReadAt: a disk that cannot read answers with an error, not a fault.
func verify(file *os.File, visit func(bucket string, key, value []byte) error) (*survey, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	m, err := readMeta(file)
	if err != nil {
		return nil, err
	}
	if m.pages < 4 || m.pages > uint64(info.Size())/pageSize {
		return nil, fmt.Errorf("the file is cut short: it has %d bytes and should have %d pages of %d", info.Size(), m.pages, pageSize)
	}
	w := &walker{file: file, meta: m, seen: make([]bool, m.pages), visit: visit, digests: make(map[string]digest)}
	w.size = info.Size()
	w.survey.pages = m.pages
	for id := range uint64(2) {
		if err := w.metaPage(id); err != nil {
			return nil, err
		}
	}
	if err := w.tree(m.root, nil, nil, 0, w.root); err != nil {
		return nil, err
	}
	if err := w.freelist(); err != nil {
		return nil, err
	}
	if err := w.compare(); err != nil {
		return nil, err
	}
	return &w.survey, nil
}

// A walker walks through a file for verify.
type walker struct {
	survey
	file    io.ReaderAt
	meta    meta
	seen    []bool // by page id
	buffers []page // not in use
	visit   func(bucket string, key, value []byte) error

	headed  bool // the header was read
	digests map[string]digest
	at      *contents // the bucket that is walked through
	summer  summer    // at's
}

// maxDepth is far above the depth of any tree that fits a disk.
const maxDepth = 64

// metaPage checks the header of a meta page, which its own checksum leaves out.
func (w *walker) metaPage(id uint64) error {
	var p [pageHeader]byte
	if _, err := w.file.ReadAt(p[:], int64(id)*pageSize); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	if page(p[:]).id() != id || page(p[:]).flags() != metaPage {
		return fmt.Errorf("page %d: not a meta page", id)
	}
	w.seen[id] = true
	return nil
}

// read returns a page with its overflow pages and marks them as seen. The
// caller gives it back to w.buffers.
func (w *walker) read(id uint64) (page, error) {
	if err := w.claim(id); err != nil {
		return nil, err
	}
	var p page
	if n := len(w.buffers); n > 0 {
		p, w.buffers = w.buffers[n-1], w.buffers[:n-1]
	}
	p = append(p[:0], make([]byte, pageSize)...)
	if _, err := w.file.ReadAt(p, int64(id)*pageSize); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	if p.id() != id {
		return nil, fmt.Errorf("page %d: it says to be page %d", id, p.id())
	}
	more := uint64(p.overflow())
	if more == 0 {
		return p, nil
	}
	for i := range more {
		if err := w.claim(id + 1 + i); err != nil {
			return nil, err
		}
	}
	p = append(p, make([]byte, more*pageSize)...)
	if _, err := w.file.ReadAt(p[pageSize:], int64(id+1)*pageSize); err != nil {
		return nil, fmt.Errorf("page %d: %w", id, err)
	}
	return p, nil
}

// claim marks a page as seen, for the first and only time.
func (w *walker) claim(id uint64) error {
	if id >= w.meta.pages {
		return fmt.Errorf("page %d is beyond the last", id)
	}
	if w.seen[id] {
		return fmt.Errorf("page %d is in use twice", id)
	}
	w.seen[id] = true
	return nil
}

// tree walks through the tree below page id, whose keys start with first, if
// not nil, and stay below bound, if not nil, and calls leaf for its leaf pages in order.
func (w *walker) tree(id uint64, first, bound []byte, depth int, leaf func(page) error) error {
	if depth > maxDepth {
		return fmt.Errorf("page %d: the tree is too deep", id)
	}
	p, err := w.read(id)
	if err != nil {
		return err
	}
	defer func() { w.buffers = append(w.buffers, p) }()
	if p.flags() != leafPage && p.flags() != branchPage {
		return fmt.Errorf("page %d: neither a branch nor a leaf", id)
	}
	if err := p.check(first, bound, depth == 0); err != nil {
		return fmt.Errorf("page %d: %w", id, err)
	}
	if p.flags() == leafPage {
		return leaf(p)
	}
	for i := range p.count() {
		key, child, _ := p.branch(i)
		next := bound
		if i+1 < p.count() {
			next, _, _ = p.branch(i + 1)
		}
		if err := w.tree(child, key, next, depth+1, leaf); err != nil {
			return err
		}
	}
	return nil
}

// check says what is wrong with the elements of a branch or leaf page. Its first key
// is the one that the page above has for it: bbolt finds the place to
// write to by it.
func (p page) check(first, bound []byte, root bool) error {
	if pageHeader+p.count()*element > len(p) {
		return fmt.Errorf("%d elements do not fit into it", p.count())
	}
	if p.count() == 0 && (!root || p.flags() == branchPage) {
		return errors.New("it is empty")
	}
	var last []byte
	for i := range p.count() {
		var key []byte
		var ok bool
		if p.flags() == branchPage {
			key, _, ok = p.branch(i)
		} else {
			_, key, _, ok = p.leaf(i)
		}
		if !ok {
			return fmt.Errorf("element %d points out of it", i)
		}
		if i == 0 && first != nil && !bytes.Equal(key, first) {
			return errors.New("its first key is not the one that leads to it")
		}
		if i > 0 && bytes.Compare(last, key) >= 0 {
			return fmt.Errorf("key %d is out of order", i)
		}
		last = key
	}
	if bound != nil && bytes.Compare(last, bound) >= 0 {
		return errors.New("its last key belongs to another page")
	}
	return nil
}

// root walks through the buckets that a leaf page of the root names.
func (w *walker) root(p page) error {
	for i := range p.count() {
		flags, key, value, _ := p.leaf(i)
		name := string(key)
		if !w.headed && name != metaName {
			return ErrForeign
		}
		if flags != bucketFlag || len(value) < bucketHead {
			return errors.New("a record lies outside of the buckets")
		}
		if err := w.bucket(name, value); err != nil {
			return err
		}
	}
	return nil
}

// bucket walks through a bucket, which lies within value if its root page is 0.
func (w *walker) bucket(name string, value []byte) error {
	w.buckets = append(w.buckets, contents{name: name})
	w.at, w.summer = &w.buckets[len(w.buckets)-1], newSummer(name)
	if root := order.Uint64(value); root != 0 {
		return w.tree(root, nil, nil, 0, w.records)
	}
	p := page(value[bucketHead:])
	if len(p) < pageHeader || p.id() != 0 || p.flags() != leafPage || p.overflow() != 0 {
		return fmt.Errorf("bucket %q: its page is broken", name)
	}
	if err := p.check(nil, nil, true); err != nil {
		return fmt.Errorf("bucket %q: %w", name, err)
	}
	return w.records(p)
}

// records verifies the records of a leaf page.
func (w *walker) records(p page) error {
	for i := range p.count() {
		flags, key, stored, _ := p.leaf(i)
		value, crc, ok := w.summer.unwrap(key, stored)
		if flags != 0 || !ok {
			return fmt.Errorf("a record in bucket %q does not match its checksum", w.at.name)
		}
		if w.at.name == metaName {
			if err := w.own(string(key), value); err != nil {
				return err
			}
			continue
		}
		w.at.digest.add(crc)
		w.at.bytes += int64(len(key) + len(value))
		if w.visit == nil {
			continue
		}
		if err := w.visit(w.at.name, key, value); err != nil {
			return err
		}
	}
	return nil
}

// own takes in a record of metaName. The header comes first, so that a file in
// another format is known by it before anything else is looked at.
func (w *walker) own(key string, value []byte) (err error) {
	name, isDigest := strings.CutPrefix(key, digestPrefix)
	switch {
	case !w.headed && key != headerKey:
		return ErrForeign
	case key == headerKey:
		w.headed = true
		w.header, err = decodeHeader(value)
	case isDigest:
		w.digests[name], err = decodeDigest(value)
	default:
		err = fmt.Errorf("bucket %q: a record that has no place there", metaName)
	}
	return err
}

// freelist verifies that the pages that are not in use are those in the list of
// free pages.
func (w *walker) freelist() error {
	p, err := w.read(w.meta.freelist)
	if err != nil {
		return err
	}
	ids, ok := p.free()
	if p.flags() != freelistPage || !ok {
		return fmt.Errorf("page %d: not a list of free pages", w.meta.freelist)
	}
	w.free = uint64(len(ids) / 8)
	for ; len(ids) > 0; ids = ids[8:] {
		if err := w.claim(order.Uint64(ids)); err != nil {
			return fmt.Errorf("free pages: %w", err)
		}
	}
	for id, seen := range w.seen {
		if !seen {
			return fmt.Errorf("page %d is neither in use nor free", id)
		}
	}
	return nil
}

// compare compares the buckets with their digests and with the header.
func (w *walker) compare() error {
	if !w.headed {
		return ErrForeign
	}
	w.buckets = w.buckets[1:]
	for _, b := range w.buckets {
		if want, ok := w.digests[b.name]; !ok || b.digest != want {
			return fmt.Errorf("bucket %q has %d records where it should have %d, or others", b.name, b.digest.records, want.records)
		}
	}
	if len(w.buckets) != len(w.digests) || uint64(len(w.buckets)) != w.header.buckets {
		return fmt.Errorf("%d buckets where there should be %d", len(w.buckets), w.header.buckets)
	}
	// One more is right, too: bbolt gives both meta pages of a backup the same
	// root, but the second the number before.
	if txid := w.header.txid; txid != w.meta.txid && txid != w.meta.txid+1 {
		return fmt.Errorf("the state is of transaction %d where it should be of %d", w.header.txid, w.meta.txid)
	}
	return nil
}
