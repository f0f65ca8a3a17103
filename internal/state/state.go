// Package state keeps what must survive a crash: one bbolt file, one writer,
// real transactions, a checksum on every record.
//
// It serves source (how far was read), sli (counters, the dedup window) and
// slo (the ledger), which keep their records in buckets of their own and write
// them in one transaction a step. It knows nothing of what the records mean.
//
// It adds to bbolt what bbolt leaves out. bbolt believes the file: a flipped
// byte in a value goes unnoticed, one in a page panics, loops for ever or
// overwrites what is still in use, and a file cut short kills the process. So
// Open reads the whole file first and lets bbolt near it only if every page,
// record and count is right; and what goes bad while the file is open becomes
// ErrDamaged, not a panic.
//
// The file is memory-mapped and held by a lock of flock(2): it belongs on a
// local disk. Network file systems (NFS, SMB) are not supported.
package state

import (
	"fmt"
	"os"
	"sync"
	"time"

	"go.etcd.io/bbolt"
)

// FileName is the name of the state file within --storage.path.
const FileName = "traceslo.db"

// A Store is an open state file. It is safe for use by several goroutines.
//
// Views see the state as of their beginning and run beside an Update; Updates
// run one after the other. A View keeps the pages that it sees from being used
// again, so a long one makes the file grow.
//
// The first damage that any call meets ends the use of the Store: that call and
// all later ones return the same ErrDamaged.
type Store struct {
	path string
	file *os.File // bbolt's too; here to unlock when bbolt's Close cannot be called
	db   *bbolt.DB

	writing sync.Mutex // held by an Update from its beginning to its end

	stuck chan struct{} // closed when bbolt panicked: its locks may be held for ever

	mu      sync.Mutex
	failure error // mu; why the store is of no more use
	closed  bool  // mu
}

// Open opens the state file at path, or creates it, readable by its owner
// alone, in a directory that must be there. It reads the whole file to verify
// it. It returns an error that is ErrLocked, ErrDamaged, ErrNewer, ErrForeign
// or ErrFull, or says what the system answered.
func Open(path string) (*Store, error) { return openVerified(path, false) }

func openVerified(path string, noSync bool) (*Store, error) {
	file, err := acquire(path, true)
	if err != nil {
		return nil, err
	}
	if _, err := verify(file, nil); err != nil {
		release(file)
		return nil, refusal(path, err)
	}
	return open(path, file, noSync)
}

// open lets bbolt open a locked and verified file. It takes file over.
func open(path string, file *os.File, noSync bool) (*Store, error) {
	s := &Store{path: path, file: file, stuck: make(chan struct{})}
	err := s.call(func() error {
		db, err := bbolt.Open(path, 0o600, options(file, noSync))
		if err != nil {
			return fmt.Errorf("open state %q: %w", path, err)
		}
		// A file grows by this much at a time: less than bbolt's 16 MiB, since
		// most state files are smaller than that and disks are full to the
		// last megabyte at times.
		db.AllocSize = 1 << 20
		s.db = db
		return nil
	})
	if err != nil {
		release(file)
		return nil, err
	}
	return s, nil
}

// options are bbolt's, for a file that is open and locked already.
func options(file *os.File, noSync bool) *bbolt.Options {
	return &bbolt.Options{
		OpenFile: func(string, int, os.FileMode) (*os.File, error) { return file, nil },
		Timeout:  time.Second,
		PageSize: pageSize,
		// The list of free pages stays in the file, where verify can compare it
		// with the pages in use; bbolt would collect it anew in a goroutine
		// whose panics nobody can recover.
		NoFreelistSync: false,
		// First fit keeps the file dense and is the same in every run; the
		// hash map takes pages at random, and is faster only for lists
		// of free pages far longer than ours.
		FreelistType: bbolt.FreelistArrayType,
		// Growing a file is synced at once, or its size could be lost with the
		// power while its pages are not.
		NoGrowSync: noSync,
		// Address space, not memory. A file that outgrows it is mapped
		// anew, for which the writer has to wait until no View runs.
		InitialMmapSize: 1 << 30,
		NoSync:          noSync,
		NoStatistics:    true,
	}
}

// Close closes the file. It waits for the Views and the Update under way, except
// on a damaged file that nobody may wait for any more. A second Close does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	err := s.call(s.db.Close)
	if s.isStuck() {
		// The file and its memory map stay open: a View, or a step that was left
		// behind, may still use them. Only the lock is given back.
		unlock(s.file)
		return nil
	}
	if err != nil {
		return fmt.Errorf("close state %q: %w", s.path, err)
	}
	return nil
}

// Update runs fn in a transaction that is durable when Update returns nil, and
// leaves no trace if fn or the commit fails. Nothing is written if fn changes
// nothing. fn must not call Update, View or Close.
//
// An error of fn is returned as it is, unless fn met damage. ErrFull says that
// nothing was changed for want of room; the store can be used on, and a later
// Update succeeds when there is room. If the disk cannot tell whether a commit
// took effect, that error is returned by all later calls too.
func (s *Store) Update(fn func(*Tx) error) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	tx, err := s.begin(true)
	if err != nil {
		return err
	}
	defer tx.end()
	err = tx.run(func() error {
		if err := tx.load(); err != nil {
			return err
		}
		if err := fn(tx); err != nil {
			return err
		}
		return tx.seal()
	})
	if err != nil || !tx.changed {
		return err
	}
	return tx.commit()
}

// View runs fn on one consistent state of the file. fn must neither call Update
// or Close nor wait for one. An error of fn is returned as it is, unless fn met damage.
func (s *Store) View(fn func(*Tx) error) error {
	tx, err := s.begin(false)
	if err != nil {
		return err
	}
	defer tx.end()
	return tx.run(func() error { return fn(tx) })
}

// Size returns the size of the file in bytes, free pages included, and 0 if it cannot be told.
func (s *Store) Size() int64 {
	info, err := s.file.Stat()
	if err != nil {
		return 0
	}
	return info.Size()
}
