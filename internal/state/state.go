// Package state keeps what must survive a crash: one bbolt file, one writer,
// real transactions, a checksum on every record.
//
// It serves source (how far was read), sli (counters, the dedup window) and
// slo (the ledger), which keep their records in buckets of their own and write
// them in one transaction a step. It knows nothing of what the records mean.
package state

import (
	"fmt"
	"time"

	"go.etcd.io/bbolt"
)

// A Store is an open state file. It is safe for use by several goroutines.
type Store struct{ db *bbolt.DB }

// Open opens the file at path, or creates it.
func Open(path string) (*Store, error) {
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{Timeout: time.Second})
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", path, err)
	}
	return &Store{db}, nil
}

// Close closes the file.
func (s *Store) Close() error { return s.db.Close() }

// Update runs fn in a transaction that is durable when Update returns nil, and
// leaves no trace if fn or the commit fails.
func (s *Store) Update(fn func(*Tx) error) error {
	return s.db.Update(func(t *bbolt.Tx) error { return fn(&Tx{t}) })
}

// View runs fn on one consistent state of the file.
func (s *Store) View(fn func(*Tx) error) error {
	return s.db.View(func(t *bbolt.Tx) error { return fn(&Tx{t}) })
}

// A Tx is a transaction. It and all it returned are valid until the function
// that was given it returns, and only in that goroutine.
type Tx struct{ t *bbolt.Tx }

// Bucket returns the bucket of that name. In Update it is created if missing;
// in View a missing one is empty.
func (tx *Tx) Bucket(name string) *Bucket {
	if tx.t.Writable() {
		b, err := tx.t.CreateBucketIfNotExists([]byte(name))
		if err != nil {
			panic(err)
		}
		return &Bucket{b}
	}
	return &Bucket{tx.t.Bucket([]byte(name))}
}

// Buckets returns the names of all buckets that start with prefix, sorted.
func (tx *Tx) Buckets(prefix string) []string {
	var names []string
	_ = tx.t.ForEach(func(name []byte, _ *bbolt.Bucket) error {
		if n := string(name); len(n) >= len(prefix) && n[:len(prefix)] == prefix {
			names = append(names, n)
		}
		return nil
	})
	return names
}

// Drop removes a bucket with all its records; a missing one is no error.
func (tx *Tx) Drop(name string) error {
	if tx.t.Bucket([]byte(name)) == nil {
		return nil
	}
	return tx.t.DeleteBucket([]byte(name))
}

// A Bucket maps keys to values, sorted by key.
type Bucket struct{ b *bbolt.Bucket }

// Get returns the value of key, nil if there is none.
func (b *Bucket) Get(key []byte) []byte {
	if b.b == nil {
		return nil
	}
	return b.b.Get(key)
}

// Put sets the value of key.
func (b *Bucket) Put(key, value []byte) error { return b.b.Put(key, value) }

// Delete removes key; a missing one is no error.
func (b *Bucket) Delete(key []byte) error { return b.b.Delete(key) }

// ForEach calls fn for every record, in order of the keys, and stops at its first error.
func (b *Bucket) ForEach(fn func(key, value []byte) error) error {
	if b.b == nil {
		return nil
	}
	return b.b.ForEach(fn)
}
