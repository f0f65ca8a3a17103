package state_test

import (
	"encoding/binary"
	"path/filepath"
	"testing"

	"github.com/traceslo/traceslo/internal/state"
	"go.etcd.io/bbolt"
)

const benchRecords = 1000

func benchKey(k []byte, i int) []byte { binary.BigEndian.PutUint64(k, uint64(i)); return k }

func BenchmarkPut(b *testing.B) {
	for _, c := range []struct {
		name  string
		fresh bool
	}{{"overwriting", false}, {"appending", true}} {
		b.Run(c.name, func(b *testing.B) {
			s, err := state.Open(filepath.Join(b.TempDir(), state.FileName))
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			value := make([]byte, 150)
			key := make([]byte, 8)
			n := 0
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				b.StopTimer()
				err := s.Update(func(tx *state.Tx) error {
					bucket := tx.Bucket("counters")
					n++
					b.StartTimer()
					for i := range benchRecords {
						at := i
						if c.fresh {
							at = n*benchRecords + i
						}
						binary.BigEndian.PutUint64(value, uint64(n))
						if err := bucket.Put(benchKey(key, at), value); err != nil {
							return err
						}
					}
					b.StopTimer()
					return nil
				})
				if err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchRecords), "ns/put")
		})
	}
}

func BenchmarkBolt(b *testing.B) {
	db, err := bbolt.Open(filepath.Join(b.TempDir(), state.FileName), 0o600, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	value := make([]byte, 150)
	key := make([]byte, 8)
	b.ReportAllocs()
	b.ResetTimer()
	for b.Loop() {
		b.StopTimer()
		err := db.Update(func(tx *bbolt.Tx) error {
			bucket, _ := tx.CreateBucketIfNotExists([]byte("counters"))
			b.StartTimer()
			for i := range benchRecords {
				v := append([]byte(nil), value...)
				if err := bucket.Put(benchKey(key, i), v); err != nil {
					return err
				}
			}
			b.StopTimer()
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*benchRecords), "ns/put")
}

func BenchmarkUpdate(b *testing.B) {
	s, err := state.Open(filepath.Join(b.TempDir(), state.FileName))
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	value := make([]byte, 150)
	key := make([]byte, 8)
	n := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		n++
		err := s.Update(func(tx *state.Tx) error {
			bucket := tx.Bucket("counters")
			binary.BigEndian.PutUint64(value, n)
			for i := range benchRecords {
				if err := bucket.Put(benchKey(key, i), value); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(s.Size()), "B/file")
}
