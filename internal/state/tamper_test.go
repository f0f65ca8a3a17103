package state_test

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"slices"
	"strings"
	"testing"

	"go.etcd.io/bbolt"

	"github.com/traceslo/traceslo/internal/state"
)

// tamper changes a file through bbolt, behind the back of the store, and makes
// its header fit the transaction.
func tamper(t *testing.T, path string, fn func(tx *bbolt.Tx) error) {
	t.Helper()
	db, err := bbolt.Open(path, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	err = db.Update(func(tx *bbolt.Tx) error {
		meta := tx.Bucket([]byte{0})
		stored := meta.Get([]byte("format"))
		value := slices.Clone(stored[:len(stored)-4])
		binary.LittleEndian.PutUint64(value[12:], uint64(tx.ID()))
		if err := meta.Put([]byte("format"), seal("\x00", "format", value)); err != nil {
			return err
		}
		return fn(tx)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// newer lays a file whose header is of the next format, as that format has to write it.
func newer(t *testing.T, path string) {
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	tamper(t, path, func(tx *bbolt.Tx) error {
		value := append([]byte("traceslo"), 2, 0, 0, 0)
		return tx.Bucket([]byte{0}).Put([]byte("format"), seal("\x00", "format", append(value, "whatever it adds"...)))
	})
}

// seal returns the stored form of a record, written down a second time.
func seal(bucket, key string, value []byte) []byte {
	var framed []byte
	framed = binary.LittleEndian.AppendUint32(framed, uint32(len(bucket)))
	framed = append(framed, bucket...)
	framed = binary.LittleEndian.AppendUint32(framed, uint32(len(key)))
	framed = append(framed, key...)
	framed = append(framed, value...)
	sum := crc32.Checksum(framed, crc32.MakeTable(crc32.Castagnoli))
	return binary.LittleEndian.AppendUint32(value, sum)
}

func TestWhatIsValidButNotWhatWasWrittenIsRefused(t *testing.T) {
	path := newPath(t)
	s := open(t, path)
	update(t, s, put("b", map[string]string{"a": "1", "b": "2", "c": "3"}))
	update(t, s, put("other", map[string]string{"a": "1"}))
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b := func(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket([]byte("b")) }
	meta := func(tx *bbolt.Tx) *bbolt.Bucket { return tx.Bucket([]byte{0}) }
	tests := []struct {
		name   string
		change func(tx *bbolt.Tx) error
		says   string
	}{
		{"a record is missing", func(tx *bbolt.Tx) error { return b(tx).Delete([]byte("b")) }, `bucket "b" has 2 records where it should have 3`},
		{"a record is one too many", func(tx *bbolt.Tx) error { return b(tx).Put([]byte("d"), seal("b", "d", nil)) }, `bucket "b" has 4 records where it should have 3`},
		{"a record has an older value", func(tx *bbolt.Tx) error { return b(tx).Put([]byte("a"), seal("b", "a", []byte("0"))) }, "or others"},
		{"a record is under another key", func(tx *bbolt.Tx) error { return b(tx).Put([]byte("b"), b(tx).Get([]byte("a"))) }, "checksum"},
		{"a record is in another bucket", func(tx *bbolt.Tx) error {
			return b(tx).Put([]byte("a"), tx.Bucket([]byte("other")).Get([]byte("a")))
		}, "checksum"},
		{"a record is shorter than a checksum", func(tx *bbolt.Tx) error { return b(tx).Put([]byte("a"), []byte("abc")) }, "checksum"},
		{"a bucket is missing", func(tx *bbolt.Tx) error { return tx.DeleteBucket([]byte("b")) }, "1 buckets where there should be 2"},
		{"a bucket and its digest are missing", func(tx *bbolt.Tx) error {
			return errors.Join(tx.DeleteBucket([]byte("b")), meta(tx).Delete([]byte("n:b")))
		}, "1 buckets where there should be 2"},
		{"a digest is missing", func(tx *bbolt.Tx) error { return meta(tx).Delete([]byte("n:b")) }, `bucket "b"`},
		{"a bucket lies in a bucket", func(tx *bbolt.Tx) error { _, err := b(tx).CreateBucket([]byte("in")); return err }, "checksum"},
		{"a record among the digests has no place there", func(tx *bbolt.Tx) error {
			return meta(tx).Put([]byte("other"), seal("\x00", "other", nil))
		}, "no place"},
		{"the state is of an older transaction", func(tx *bbolt.Tx) error {
			value := binary.LittleEndian.AppendUint64(append([]byte("traceslo"), 1, 0, 0, 0), uint64(tx.ID()-1))
			return meta(tx).Put([]byte("format"), seal("\x00", "format", binary.LittleEndian.AppendUint64(value, 2)))
		}, "transaction"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			path := newPath(t)
			write(t, path, image)
			tamper(t, path, func(*bbolt.Tx) error { return nil })
			if _, err := state.Check(path); err != nil {
				t.Fatalf("Check refused what is right: %v", err)
			}
			tamper(t, path, test.change)
			for _, err := range opened(path) {
				if !errors.Is(err, state.ErrDamaged) || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v, want ErrDamaged and %q", err, test.says)
				}
			}
		})
	}
}

// opened returns the errors of all that opens a file.
func opened(path string) []error {
	s, openErr := state.Open(path)
	if openErr == nil {
		_ = s.Close()
	}
	_, checkErr := state.Check(path)
	_, _, compactErr := state.Compact(path)
	return []error{openErr, checkErr, compactErr}
}
