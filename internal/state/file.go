package state

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// lockWait is how long acquire waits for another process to let go of the
	// file, lockPoll how often it looks.
	lockWait = time.Second
	lockPoll = 25 * time.Millisecond
	// maxMoved is how often acquire starts again since a locked file was replaced.
	maxMoved = 100
)

// acquire opens and locks the file at path: for writing and against all others
// if write, when a missing or empty file is created first; else for reading and
// against writers.
func acquire(path string, write bool) (*os.File, error) {
	flag, how := os.O_RDONLY, syscall.LOCK_SH|syscall.LOCK_NB
	if write {
		flag, how = os.O_RDWR|os.O_CREATE, syscall.LOCK_EX|syscall.LOCK_NB
	}
	deadline := time.Now().Add(lockWait)
	for moved := 0; ; {
		file, err := os.OpenFile(path, flag, 0o600)
		if err != nil {
			return nil, openFailure(path, err)
		}
		locked := syscall.Flock(int(file.Fd()), how)
		if locked == nil {
			var ready bool
			if ready, err = prepare(file, path, write); ready {
				return file, nil
			}
		} else if !errors.Is(locked, syscall.EWOULDBLOCK) {
			err = fmt.Errorf("lock state %q: %w; network file systems are not supported", path, locked)
		}
		release(file)
		if err != nil {
			return nil, err
		}
		if locked == nil {
			// Others that create or compact it go first, but not for ever.
			if moved++; moved > maxMoved {
				return nil, fmt.Errorf("open state %q: another file takes its place over and over", path)
			}
			continue
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("open state %q: %w; stop the other traceslo, or give another --storage.path", path, ErrLocked)
		}
		time.Sleep(lockPoll)
	}
}

// prepare reports whether a locked file can be used. It cannot if another one
// lies at its path by now, put there by Compact or by prepare itself.
func prepare(file *os.File, path string, write bool) (ready bool, err error) {
	locked, err := file.Stat()
	if err != nil {
		return false, openFailure(path, err)
	}
	if !locked.Mode().IsRegular() {
		return false, fmt.Errorf("open state %q: not a file; give another --storage.path", path)
	}
	current, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, openFailure(path, err)
	}
	if !os.SameFile(locked, current) {
		return false, nil
	}
	if locked.Size() > 0 || !write {
		return true, nil
	}
	return false, replace(file, path, func(s *Store) ([]contents, error) { return nil, s.initialize() })
}

// release unlocks and closes a file. The unlocking counts: a memory map that is
// left of the file would keep the lock.
func release(file *os.File) {
	unlock(file)
	_ = file.Close()
}

func unlock(file *os.File) { _ = syscall.Flock(int(file.Fd()), syscall.LOCK_UN) }

// openFailure is the error for a file that the system does not open.
func openFailure(path string, err error) error {
	var cause *fs.PathError
	if errors.As(err, &cause) {
		err = cause.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		dir := filepath.Dir(path)
		if _, statErr := os.Stat(dir); errors.Is(statErr, fs.ErrNotExist) {
			return fmt.Errorf("open state %q: the directory %q is missing: %w; create it, or give another --storage.path", path, dir, err)
		}
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("open state %q: %w; the user who runs traceslo has to be allowed to read and write it and its directory", path, err)
	case isFull(err):
		return writeFailure(path, err)
	}
	return fmt.Errorf("open state %q: %w", path, err)
}
