package state

import (
	"errors"
	"fmt"
	"io"
)

// Backup writes a consistent copy of the file to w, while the store is in use,
// and returns how many bytes it wrote. The copy is a state file: put in
// the place of a broken one, it is opened. All records are verified before the
// first byte is written; damage is ErrDamaged. An error of w is returned
// wrapped. The pages that the copy sees cannot be used again meanwhile, so a
// slow w lets the file grow.
func (s *Store) Backup(w io.Writer) (n int64, err error) {
	err = s.View(func(tx *Tx) error {
		for _, name := range tx.Buckets("") {
			if err := tx.Bucket(name).ForEach(func(_, _ []byte) error { return nil }); err != nil {
				return err
			}
		}
		tx.inside = true
		n, err = tx.t.WriteTo(outside{tx, w})
		tx.inside = false
		if errors.Is(err, io.EOF) {
			return tx.damaged("the file was cut short")
		}
		if err != nil {
			return fmt.Errorf("back up state %q: %w", s.path, err)
		}
		return nil
	})
	return n, err
}

// outside is a writer that bbolt writes to: a panic of it is not bbolt's.
type outside struct {
	tx *Tx
	w  io.Writer
}

// Write writes to the writer that Backup was given.
func (o outside) Write(p []byte) (int, error) {
	o.tx.inside = false
	n, err := o.w.Write(p)
	o.tx.inside = true
	return n, err
}
