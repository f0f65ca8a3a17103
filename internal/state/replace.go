package state

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// replace puts a new state file in the place of the locked one at path, filled
// by fill, which returns what the file's buckets must hold then. After a crash at
// any moment one of both files is there, whole. The new one has the owner and
// the permissions of the old one.
func replace(old *os.File, path string, fill func(*Store) ([]contents, error)) error {
	// A link keeps its place: what it leads to is replaced.
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return openFailure(path, err)
	}
	// Nobody else uses the name: for that it takes the lock on old.
	name := path + ".new"
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return writeFailure(name, err)
	}
	if err := build(old, name, fill); err != nil {
		_ = os.Remove(name)
		return err
	}
	if err := os.Rename(name, path); err != nil {
		_ = os.Remove(name)
		return writeFailure(path, err)
	}
	return syncDir(path)
}

// build makes the file at path, filled by fill and durable, with the owner and
// the permissions of old.
func build(old *os.File, path string, fill func(*Store) ([]contents, error)) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return writeFailure(path, err)
	}
	if err := adopt(file, old); err != nil {
		_ = file.Close()
		return writeFailure(path, err)
	}
	// One sync at the end is enough: until then the file is nobody's.
	s, err := open(path, file, true)
	if err != nil {
		return writeFailure(path, err)
	}
	want, err := fill(s)
	if err == nil {
		err = s.settle(want)
	}
	return errors.Join(err, s.Close())
}

// adopt gives file the permissions and the owner of old.
func adopt(file, old *os.File) error {
	want, err := old.Stat()
	if err != nil {
		return err
	}
	have, err := file.Stat()
	if err != nil {
		return err
	}
	if err := file.Chmod(want.Mode().Perm()); err != nil {
		return err
	}
	w, h := want.Sys().(*syscall.Stat_t), have.Sys().(*syscall.Stat_t)
	if w.Uid == h.Uid && w.Gid == h.Gid {
		return nil
	}
	return file.Chown(int(w.Uid), int(w.Gid))
}

// settle cuts off what the file has grown in advance, makes it durable and
// verifies that its buckets hold what they must.
func (s *Store) settle(want []contents) error {
	// Should the newest meta page break, bbolt goes by the one before, which here
	// would lead to a file half filled. After a transaction without changes both
	// lead to the same.
	if err := s.Update(func(tx *Tx) error { tx.changed = true; return nil }); err != nil {
		return err
	}
	m, err := readMeta(s.file)
	if err != nil {
		return writeFailure(s.path, err)
	}
	if err := s.file.Truncate(int64(m.pages) * pageSize); err != nil {
		return writeFailure(s.path, err)
	}
	if err := s.file.Sync(); err != nil {
		return writeFailure(s.path, err)
	}
	v, err := verify(s.file, nil)
	if err != nil {
		return writeFailure(s.path, err)
	}
	if !slices.Equal(v.buckets, want) {
		return writeFailure(s.path, errors.New("the copy differs from what was copied"))
	}
	return nil
}

// initialize writes the header into a new file.
func (s *Store) initialize() error {
	tx, err := s.begin(true)
	if err != nil {
		return err
	}
	defer tx.end()
	err = tx.run(func() error {
		b, err := tx.t.CreateBucket([]byte(metaName))
		if err != nil {
			return err
		}
		tx.records().attach(b)
		tx.changed = true
		return tx.seal()
	})
	if err != nil {
		return err
	}
	return tx.commit()
}

// syncDir makes a renaming to path durable.
func syncDir(path string) error {
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return writeFailure(path, err)
	}
	defer dir.Close()
	if err := dir.Sync(); err != nil {
		return writeFailure(path, err)
	}
	return nil
}
