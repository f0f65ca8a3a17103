package state

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"go.etcd.io/bbolt"
)

// A Bucket maps keys to values, sorted by key.
type Bucket struct {
	tx     *Tx
	name   string
	b      *bbolt.Bucket // nil if there is none, or no more
	cursor *bbolt.Cursor // for find; a new one each time would be an allocation
	summer summer
	digest digest // of the records as they are in this transaction
	known  bool   // digest was read
	dirty  bool   // digest is to be written
	walks  int    // ForEach calls under way
}

// fillPercent is how full bbolt leaves a page that it splits. Its default, 0.5,
// makes a file of records in order of their keys half as large again
// (30,000 of 150 bytes: 11.7 MB, here 7.5 MB); above 0.75 it is random keys that need
// more (at 0.5 6.5 MB, here 7.5 MB, at 0.9 10.8 MB).
const fillPercent = 0.75

// attach sets the bbolt bucket; nil is one that is missing.
func (b *Bucket) attach(bb *bbolt.Bucket) {
	if bb == nil {
		return
	}
	bb.FillPercent = fillPercent
	b.b, b.cursor = bb, bb.Cursor()
}

// Get returns the value of key, nil if there is none or the transaction met
// damage. The value must not be changed.
func (b *Bucket) Get(key []byte) []byte {
	value, _, _ := b.find(key)
	return value
}

// find returns a record's value and its checksum, and whether there is one.
func (b *Bucket) find(key []byte) (value []byte, crc uint32, found bool) {
	if b.b == nil || b.tx.err != nil {
		return nil, 0, false
	}
	b.tx.inside = true
	k, v := b.cursor.Seek(key)
	b.tx.inside = false
	if k == nil || !bytes.Equal(k, key) {
		return nil, 0, false
	}
	return b.verified(k, v)
}

// verified takes a stored record apart; it is damage if the checksum is wrong.
func (b *Bucket) verified(key, stored []byte) (value []byte, crc uint32, ok bool) {
	value, crc, ok = b.summer.unwrap(key, stored)
	if !ok {
		_ = b.tx.damaged("a record in bucket %q does not match its checksum", b.name)
		return nil, 0, false
	}
	return value, crc, true
}

// Put sets the value of key, which has 1 to 32768 bytes. It copies both. A value
// that is there already costs no write.
func (b *Bucket) Put(key, value []byte) error {
	if err := b.writable(); err != nil {
		return fmt.Errorf("put into bucket %q: %w", b.name, err)
	}
	old, oldSum, found := b.find(key)
	crc := b.summer.sum(key, value)
	if found && oldSum == crc && bytes.Equal(old, value) {
		return nil
	}
	if err := b.count(); err != nil {
		return err
	}
	if err := b.storeSum(key, value, crc); err != nil {
		return err
	}
	if found {
		b.digest.remove(oldSum)
	}
	b.digest.add(crc)
	b.dirty = true
	return nil
}

// Delete removes key; a missing one is no error.
func (b *Bucket) Delete(key []byte) error {
	if err := b.writable(); err != nil {
		return fmt.Errorf("delete from bucket %q: %w", b.name, err)
	}
	_, crc, found := b.find(key)
	if !found {
		return b.tx.err
	}
	if err := b.count(); err != nil {
		return err
	}
	b.tx.inside = true
	err := b.b.Delete(key)
	b.tx.inside = false
	if err != nil {
		return fmt.Errorf("delete from bucket %q: %w", b.name, err)
	}
	b.tx.changed = true
	b.digest.remove(crc)
	b.dirty = true
	return nil
}

// ForEach calls fn for every record, in order of the keys, and stops at its
// first error. Large values are not copied; fn must not change them, nor the
// bucket. A record that is missing or there twice shows at the end: until
// ForEach has returned nil, what fn was given is not known to be all.
func (b *Bucket) ForEach(fn func(key, value []byte) error) error {
	tx := b.tx
	if tx.err != nil {
		return tx.err
	}
	b.walks++
	defer func() { b.walks-- }()
	var seen digest
	if b.b != nil {
		tx.inside = true
		c := b.b.Cursor()
		k, v := c.First()
		tx.inside = false
		for k != nil {
			value, crc, ok := b.verified(k, v)
			if !ok {
				return tx.err
			}
			seen.add(crc)
			if err := fn(k, value); err != nil {
				return err
			}
			tx.inside = true
			k, v = c.Next()
			tx.inside = false
		}
	}
	if err := b.count(); err != nil {
		return err
	}
	if seen != b.digest {
		return tx.damaged("bucket %q has %d records where it should have %d, or others", b.name, seen.records, b.digest.records)
	}
	return nil
}

// writable says why the bucket cannot be changed.
func (b *Bucket) writable() error {
	switch {
	case b.tx.err != nil:
		return b.tx.err
	case !b.tx.t.Writable():
		return fmt.Errorf("not in an Update")
	case b.b == nil:
		return fmt.Errorf("it was dropped")
	case b.walks > 0:
		return fmt.Errorf("a ForEach over it is under way")
	}
	return nil
}

// count makes the digest known. That of a missing bucket is zero.
func (b *Bucket) count() error {
	if b.known || b.tx.err != nil {
		return b.tx.err
	}
	value, _, found := b.tx.records().find([]byte(digestPrefix + b.name))
	if b.tx.err != nil {
		return b.tx.err
	}
	if !found && b.b != nil {
		return b.tx.damaged("the digest of bucket %q is missing", b.name)
	}
	if found {
		d, err := decodeDigest(value)
		if err != nil {
			return b.tx.damaged("bucket %q: %w", b.name, err)
		}
		b.digest = d
	}
	b.known = true
	return nil
}

// store writes a record whatever the digest.
func (b *Bucket) store(key, value []byte) error {
	return b.storeSum(key, value, b.summer.sum(key, value))
}

func (b *Bucket) storeSum(key, value []byte, crc uint32) error {
	stored := b.tx.alloc(len(value) + sumSize)
	binary.LittleEndian.PutUint32(stored[copy(stored, value):], crc)
	b.tx.inside = true
	err := b.b.Put(key, stored)
	b.tx.inside = false
	if err != nil {
		return fmt.Errorf("put into bucket %q: %w", b.name, err)
	}
	b.tx.changed = true
	return nil
}
