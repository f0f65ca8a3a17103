package state

import (
	"bytes"
	"fmt"

	"go.etcd.io/bbolt"
)

// A Tx is a transaction. It and all it returned are valid until the function
// that was given it returns, and only in that goroutine.
//
// A Tx that met damage, or a bucket name that cannot be, fails: its Update or
// View returns that error whatever the function returns.
type Tx struct {
	s       *Store
	t       *bbolt.Tx
	meta    *Bucket
	buckets map[string]*Bucket // those asked for
	header  header             // only in Update
	changed bool               // there is something to commit
	inside  bool               // bbolt is at work: a panic is its own
	err     error              // the first reason to fail
	arena   []byte             // where the next values that Put copies go
}

// arenaSize is how much a transaction allocates at a time for values; those
// above a quarter of it are allocated alone.
const arenaSize = 64 << 10

// begin starts a transaction, which is the caller's to end.
func (s *Store) begin(writable bool) (*Tx, error) {
	if err := s.failed(); err != nil {
		return nil, err
	}
	tx := &Tx{s: s, buckets: make(map[string]*Bucket)}
	err := s.call(func() error {
		t, err := s.db.Begin(writable)
		if err != nil {
			return fmt.Errorf("use state %q: %w", s.path, err)
		}
		tx.t = t
		return nil
	})
	if err != nil {
		return nil, err
	}
	return tx, nil
}

// end ends a transaction that is not committed. After commit it does nothing.
func (tx *Tx) end() { _ = tx.s.call(tx.t.Rollback) }

// fail makes the transaction fail, unless it does already, and returns why.
func (tx *Tx) fail(err error) error {
	if tx.err == nil {
		tx.err = err
	}
	return tx.err
}

// damaged makes the transaction fail and ends the use of the store.
func (tx *Tx) damaged(format string, args ...any) error {
	return tx.fail(tx.s.fail(damage(tx.s.path, fmt.Errorf(format, args...))))
}

// Bucket returns the bucket of that name. In Update it is created if missing;
// in View a missing one is empty. A name has 1 to 1024 bytes, and does not start
// with a zero byte.
func (tx *Tx) Bucket(name string) *Bucket {
	if b := tx.buckets[name]; b != nil {
		return b
	}
	b := &Bucket{tx: tx, name: name, summer: newSummer(name)}
	if err := checkName(name); err != nil {
		_ = tx.fail(fmt.Errorf("use state %q: %w", tx.s.path, err)) // Update returns it
		return b
	}
	tx.inside = true
	b.attach(tx.t.Bucket([]byte(name)))
	if b.b == nil && tx.t.Writable() {
		created, err := tx.t.CreateBucket([]byte(name))
		if err != nil {
			// The name is good and there is no bucket of it.
			panic(err)
		}
		b.attach(created)
		b.known, b.dirty = true, true
		tx.header.buckets++
		tx.changed = true
	}
	tx.inside = false
	tx.buckets[name] = b
	return b
}

// Buckets returns the names of all buckets that start with prefix, sorted.
func (tx *Tx) Buckets(prefix string) []string {
	var names []string
	tx.inside = true
	c := tx.t.Cursor()
	for name, _ := c.Seek([]byte(prefix)); name != nil && bytes.HasPrefix(name, []byte(prefix)); name, _ = c.Next() {
		if string(name) != metaName {
			names = append(names, string(name))
		}
	}
	tx.inside = false
	return names
}

// Drop removes a bucket with all its records; a missing one is no error.
// Buckets of that name that Bucket returned before cannot be used any more.
func (tx *Tx) Drop(name string) error {
	if !tx.t.Writable() {
		return fmt.Errorf("drop bucket %q: not in an Update", name)
	}
	if err := checkName(name); err != nil {
		return err
	}
	old := tx.buckets[name]
	if old != nil && old.walks > 0 {
		return fmt.Errorf("drop bucket %q: a ForEach over it is under way", name)
	}
	// Without a defer: after a panic inside has to stay set.
	tx.inside = true
	missing := tx.t.Bucket([]byte(name)) == nil
	var err error
	if !missing {
		err = tx.t.DeleteBucket([]byte(name))
	}
	if err == nil && !missing {
		err = tx.meta.b.Delete([]byte(digestPrefix + name))
	}
	tx.inside = false
	if err != nil {
		return tx.fail(fmt.Errorf("drop bucket %q: %w", name, err))
	}
	if missing {
		return nil
	}
	if old != nil {
		old.b = nil
		delete(tx.buckets, name)
	}
	tx.header.buckets--
	tx.changed = true
	return nil
}

// load reads what an Update needs from the start.
func (tx *Tx) load() error {
	value, _, ok := tx.records().find([]byte(headerKey))
	if tx.err != nil {
		return tx.err
	}
	if !ok {
		return tx.damaged("the header is missing")
	}
	h, err := decodeHeader(value)
	if err != nil {
		return tx.damaged("%w", err)
	}
	tx.header = h
	return nil
}

// records returns the bucket of the header and the digests.
func (tx *Tx) records() *Bucket {
	if tx.meta == nil {
		b := &Bucket{tx: tx, name: metaName, summer: newSummer(metaName)}
		tx.inside = true
		b.attach(tx.t.Bucket([]byte(metaName)))
		tx.inside = false
		tx.meta = b
	}
	return tx.meta
}

// seal writes the digests and the header of what the transaction changed.
func (tx *Tx) seal() error {
	if !tx.changed || tx.err != nil {
		return tx.err
	}
	for name, b := range tx.buckets {
		if !b.dirty {
			continue
		}
		if err := tx.meta.store([]byte(digestPrefix+name), b.digest.encode()); err != nil {
			return err
		}
	}
	tx.header.txid = uint64(tx.t.ID())
	return tx.meta.store([]byte(headerKey), tx.header.encode())
}

// commit makes the transaction durable, or undoes it.
func (tx *Tx) commit() error {
	s := tx.s
	id := uint64(tx.t.ID())
	var failed error
	err := s.call(func() error {
		failed = tx.t.Commit()
		return nil
	})
	if err != nil {
		return err
	}
	if failed == nil {
		return nil
	}
	// bbolt has rolled back what it holds in memory. But once the meta page was
	// written, only its sync failed, and after a crash the disk may hold either
	// state: neither going on nor trying again would be right.
	if newest, err := readMeta(s.file); err != nil || newest.txid >= id {
		return s.fail(fmt.Errorf("write state %q: %w; whether it took effect shows after a restart of traceslo", s.path, failed))
	}
	return writeFailure(s.path, failed)
}

// alloc returns n bytes that live as long as the transaction.
func (tx *Tx) alloc(n int) []byte {
	if n > arenaSize/4 {
		return make([]byte, n)
	}
	if n > len(tx.arena) {
		tx.arena = make([]byte, arenaSize)
	}
	b := tx.arena[:n:n]
	tx.arena = tx.arena[n:]
	return b
}
