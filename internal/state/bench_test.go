package state_test

import (
	"encoding/binary"
	"errors"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/traceslo/traceslo/internal/state"
)

// A bucket of bbolt's or ours.
type putter interface{ Put(key, value []byte) error }

// putThousand puts 1,000 records of 150 bytes, in order of their keys from n on.
func putThousand(p putter, n int, value []byte) error {
	var key [8]byte
	var errs error
	for i := range 1000 {
		binary.BigEndian.PutUint64(key[:], uint64(n+i))
		if err := p.Put(key[:], value); err != nil {
			errs = errors.Join(errs, err)
		}
	}
	return errs
}

// BenchmarkPut measures 1,000 Puts in one transaction, without the commit.
// Those of bbolt alone are there to compare with.
func BenchmarkPut(b *testing.B) {
	// timed runs one operation of the benchmark within the transaction.
	timed := func(b *testing.B, p putter, n int, value []byte) error {
		b.StartTimer()
		err := putThousand(p, n, value)
		b.StopTimer()
		return err
	}
	store := func(step int) func(b *testing.B) {
		return func(b *testing.B) {
			s := open(b, newPath(b))
			b.ReportAllocs()
			b.StopTimer()
			for n := range b.N {
				value := make([]byte, 150)
				value[n%150]++
				update(b, s, func(tx *state.Tx) error { return timed(b, tx.Bucket("b"), n*step, value) })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/Put")
		}
	}
	b.Run("new keys", store(1000))
	b.Run("known keys", store(0))
	b.Run("bbolt", func(b *testing.B) {
		db, err := bbolt.Open(newPath(b), 0o600, nil)
		if err != nil {
			b.Fatal(err)
		}
		defer db.Close()
		b.ReportAllocs()
		b.StopTimer()
		for range b.N {
			err := db.Update(func(tx *bbolt.Tx) error {
				bucket, err := tx.CreateBucketIfNotExists([]byte("b"))
				if err != nil {
					return err
				}
				return timed(b, bucket, 0, make([]byte, 150))
			})
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*1000), "ns/Put")
	})
}

// BenchmarkUpdate measures 1,000 Puts of known keys and their commit.
func BenchmarkUpdate(b *testing.B) {
	s := open(b, newPath(b))
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		value := make([]byte, 150)
		value[n%150]++
		update(b, s, func(tx *state.Tx) error { return putThousand(tx.Bucket("b"), 0, value) })
	}
}

func BenchmarkGet(b *testing.B) {
	s := open(b, newPath(b))
	update(b, s, func(tx *state.Tx) error { return putThousand(tx.Bucket("b"), 0, make([]byte, 150)) })
	key := binary.BigEndian.AppendUint64(nil, 500)
	b.ReportAllocs()
	err := s.View(func(tx *state.Tx) error {
		bucket := tx.Bucket("b")
		for b.Loop() {
			if bucket.Get(key) == nil {
				return errors.New("the record is missing")
			}
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func BenchmarkView(b *testing.B) {
	s := open(b, newPath(b))
	b.ReportAllocs()
	for b.Loop() {
		if err := s.View(func(*state.Tx) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
}
