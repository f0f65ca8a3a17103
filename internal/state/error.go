package state

import (
	"errors"
	"fmt"
	"strings"
	"syscall"
)

// The kinds of errors, for errors.Is. Each error of a kind names the file and the cure.
var (
	// ErrLocked is a file that another process holds open.
	ErrLocked = errors.New("in use by another process")
	// ErrDamaged is a file that is not as it was written.
	ErrDamaged = errors.New("the file is damaged")
	// ErrNewer is a file in a format that this version does not know.
	ErrNewer = errors.New("the file was written by a newer traceslo")
	// ErrForeign is a file that traceslo did not write.
	ErrForeign = errors.New("not a state file of traceslo")
	// ErrFull is a disk, quota or file size limit that leaves no room.
	ErrFull = errors.New("no room left")
)

// refusal is the error for a file that verify refused because of err.
func refusal(path string, err error) error {
	switch {
	case errors.Is(err, ErrNewer):
		return fmt.Errorf("open state %q: %w; use that version or restore a backup", path, err)
	case errors.Is(err, ErrForeign):
		return fmt.Errorf("open state %q: %w; move it away, or give another --storage.path", path, err)
	}
	return damage(path, err)
}

// damage is ErrDamaged with its cause.
func damage(path string, cause error) error {
	return fmt.Errorf("read state %q: %w: %w; stop traceslo, keep the file aside, and restore a backup (see traceslo state --help)",
		path, ErrDamaged, cause)
}

// writeFailure is the error for what could not be written because of err: ErrFull
// if there was no room.
func writeFailure(path string, err error) error {
	if isFull(err) {
		return fmt.Errorf("write state %q: %w: %w; free some space, or raise the quota or the limit; writing goes on when there is room",
			path, ErrFull, err)
	}
	return fmt.Errorf("write state %q: %w", path, err)
}

// isFull holds for the errors of the system that mean a want of room.
func isFull(err error) bool {
	for _, errno := range []syscall.Errno{syscall.ENOSPC, syscall.EDQUOT, syscall.EFBIG} {
		// bbolt formats the cause of a failed growth with %s: its text is all
		// that is left of it.
		if errors.Is(err, errno) || strings.HasSuffix(err.Error(), errno.Error()) {
			return true
		}
	}
	return false
}
