package state

import (
	"bytes"
	"os"
)

// compactStep is how many bytes of records Compact copies in one transaction.
const compactStep = 16 << 20

// Compact writes the file at path anew, without its free pages, and returns its
// size in bytes before and after. Every record is verified on the way. It needs
// the file to itself (ErrLocked) and room for the copy beside it (ErrFull). After
// a crash at any moment either the old file or the new one is there, whole; what
// is left beside it the next Compact removes. The errors are those of Open, but
// that a file that is missing is not created (fs.ErrNotExist).
func Compact(path string) (before, after int64, err error) {
	info, err := os.Stat(path)
	if err != nil {
		return 0, 0, openFailure(path, err)
	}
	before = info.Size()
	file, err := acquire(path, true)
	if err != nil {
		return 0, 0, err
	}
	defer release(file)
	err = replace(file, path, func(s *Store) ([]contents, error) { return s.copyFrom(file, path) })
	if err != nil {
		return 0, 0, err
	}
	if info, err = os.Stat(path); err != nil {
		return 0, 0, openFailure(path, err)
	}
	return before, info.Size(), nil
}

// A record is one that is copied.
type record struct {
	bucket     string
	key, value []byte
}

// copyFrom puts the records of the file at path into a new store, and returns
// what the buckets hold.
func (s *Store) copyFrom(file *os.File, path string) ([]contents, error) {
	if err := s.initialize(); err != nil {
		return nil, err
	}
	var batch []record
	var size int
	flush := func() error {
		err := s.Update(func(tx *Tx) error {
			for _, r := range batch {
				if err := tx.Bucket(r.bucket).Put(r.key, r.value); err != nil {
					return err
				}
			}
			return nil
		})
		batch, size = batch[:0], 0
		return err
	}
	var failed error
	v, err := verify(file, func(bucket string, key, value []byte) error {
		batch = append(batch, record{bucket, bytes.Clone(key), bytes.Clone(value)})
		if size += len(key) + len(value); size >= compactStep {
			failed = flush()
		}
		return failed
	})
	if failed != nil {
		return nil, failed
	}
	if err != nil {
		return nil, refusal(path, err)
	}
	if err := flush(); err != nil {
		return nil, err
	}
	// Those without a record were not copied yet.
	return v.buckets, s.Update(func(tx *Tx) error {
		for _, b := range v.buckets {
			tx.Bucket(b.name)
		}
		return nil
	})
}
