package state

import (
	"errors"
	"fmt"
	"os"

	"go.etcd.io/bbolt"
)

// A Report is what Check found in a file.
type Report struct {
	// Format is the version of the format that the file is written in.
	Format int
	// Size is the file's size in bytes.
	Size int64
	// Pages is how many pages of 4096 bytes the file uses, and FreePages how
	// many of them are free.
	Pages, FreePages int
	// Buckets are the buckets, sorted by name.
	Buckets []BucketReport
}

// A BucketReport is what Check found in a bucket.
type BucketReport struct {
	Name    string
	Records int
	// Bytes are those of the keys and values.
	Bytes int64
}

// Check reads the whole file at path, without writing, and verifies every page,
// record and count; then bbolt's own check of the pages gives a second opinion.
// The errors are those of Open, but that a file that is missing is not created
// (fs.ErrNotExist). A running daemon holds the file, which is ErrLocked:
// check a backup instead.
func Check(path string) (Report, error) {
	file, err := acquire(path, false)
	if err != nil {
		return Report{}, err
	}
	defer release(file)
	v, err := verify(file, nil)
	if err != nil {
		return Report{}, refusal(path, err)
	}
	if err := secondOpinion(path, file); err != nil {
		return Report{}, damage(path, err)
	}
	r := Report{Format: formatVersion, Size: v.size, Pages: int(v.pages), FreePages: int(v.free)}
	for _, b := range v.buckets {
		r.Buckets = append(r.Buckets, BucketReport{Name: b.name, Records: int(b.digest.records), Bytes: b.bytes})
	}
	return r, nil
}

// secondOpinion runs bbolt's check of the pages, which is only safe after
// verify: it follows a ring of pages for ever.
func secondOpinion(path string, file *os.File) error {
	o := options(file, false)
	o.ReadOnly = true
	db, err := bbolt.Open(path, 0, o)
	if err != nil {
		return err
	}
	err = db.View(func(t *bbolt.Tx) error {
		var found []error
		for err := range t.Check() {
			found = append(found, err)
		}
		return errors.Join(found...)
	})
	if err != nil {
		err = fmt.Errorf("bbolt: %w", err)
	}
	return errors.Join(err, db.Close())
}
