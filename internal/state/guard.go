package state

import (
	"errors"
	"fmt"
	"runtime/debug"
)

// This file is about bbolt's panics, and the faults of its memory map (SIGBUS
// where the file was cut short or the disk cannot read). verify leaves
// only those that arise while the file is open. A panic may leave bbolt's locks
// held for ever, so that whoever waits for one must be freed by other means.

// call runs a step of bbolt that takes its locks: Begin, Commit, Rollback, Close.
// It does so in a goroutine of its own, which call leaves behind, waiting for a
// lock, when a panic elsewhere means that it may never get it.
func (s *Store) call(step func() error) error {
	if s.isStuck() {
		return s.failed()
	}
	done := make(chan error, 1)
	go func() {
		debug.SetPanicOnFault(true)
		defer func() {
			if r := recover(); r != nil {
				done <- s.breakDown(r)
			}
		}()
		done <- step()
	}()
	select {
	case err := <-done:
		return err
	case <-s.stuck:
		return s.failed()
	}
}

// run runs fn, which uses the transaction, in the caller's goroutine, and turns
// what bbolt or its memory map panics with into ErrDamaged. Other panics are
// fn's own and go on. Damage that the transaction met comes before fn's error.
func (tx *Tx) run(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		r := recover()
		if r == nil {
			return
		}
		if !tx.inside && !isFault(r) {
			panic(r)
		}
		err = tx.s.breakDown(r)
	}()
	err = fn()
	if tx.inside {
		return tx.s.breakDown("a panic that was recovered")
	}
	if tx.err != nil {
		return tx.err
	}
	return err
}

// isFault holds for a panic over memory that cannot be read, as
// debug.SetPanicOnFault describes it.
func isFault(r any) bool {
	err, ok := r.(error)
	if !ok {
		return false
	}
	var fault interface{ Addr() uintptr }
	return errors.As(err, &fault)
}

// breakDown ends the use of the store after a panic of bbolt.
func (s *Store) breakDown(r any) error {
	err := s.fail(damage(s.path, fmt.Errorf("%v", r)))
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.isStuck() {
		close(s.stuck)
	}
	return err
}

// isStuck holds after a panic of bbolt.
func (s *Store) isStuck() bool {
	select {
	case <-s.stuck:
		return true
	default:
		return false
	}
}

// fail ends the use of the store because of err, and returns why it ended first.
func (s *Store) fail(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failure == nil {
		s.failure = err
	}
	return s.failure
}

// failed returns why the store is of no more use, nil if it is.
func (s *Store) failed() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failure
}
