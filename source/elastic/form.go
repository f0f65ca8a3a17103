package elastic

import (
	"sync"
	"sync/atomic"

	"github.com/traceslo/traceslo/source"
)

// The forms in which documents are read, words that serve as a metric's label.
const (
	formLean  = "lean"
	formWhole = "whole"
	// Counted by the cluster, and not read.
	formCounted = "counted"
)

// forms are how the indices are read, by UUID.
type forms struct {
	mu     sync.Mutex // guards byUUID
	byUUID map[string]*form
}

// of returns how an index is read.
func (f *forms) of(uuid string) *form {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.byUUID == nil {
		f.byUUID = map[string]*form{}
	}
	if f.byUUID[uuid] == nil {
		f.byUUID[uuid] = &form{}
	}
	return f.byUUID[uuid]
}

// keep forgets the indices that a survey does not name.
func (f *forms) keep(survey source.Survey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.byUUID) == 0 {
		return
	}
	kept := make(map[string]*form, len(f.byUUID))
	for _, index := range survey.Indices {
		if known := f.byUUID[index.UUID]; known != nil {
			kept[index.UUID] = known
		}
	}
	f.byUUID = kept
}

// A form is how an index is read: lean, as long as that shows that it is worth
// it, else whole, with a lean page now and then to see whether that has changed.
type form struct {
	// whole is how many pages are still to be read whole.
	whole atomic.Int64
	said  atomic.Bool
	// asked holds if the cluster told whether it finds what is in the lists of
	// the index's documents, and found if it does. Logs holds if it finds what is
	// in their logs; only who counts asks for that.
	asked, found, logs atomic.Bool
	// tactic is how the index is counted, if it is.
	tactic tactic
}

const (
	// probeAfter is how many pages are read whole before another one is read
	// lean, retryAfterRefusal how many if the cluster refused.
	probeAfter        = 50
	refusedProbeAfter = 1000
	// leastLean is how many numbers make a lean page worth its second search.
	leastLean = 256
	// telling is how many documents tell which form is the cheaper one. In a
	// page read lean, a plain document costs the cluster about a third of
	// what it costs whole, and the second search about a tenth of all, so that
	// it pays if one in worthwhile is plain.
	telling    = 50
	worthwhile = 5
)

// isLean tells whether the next page, with so many numbers left, is to be read lean.
func (f *form) isLean(left int64) bool { return left >= leastLean && f.whole.Load() <= 0 }

// readWhole notes that a page was read whole.
func (f *form) readWhole() {
	if f.whole.Load() > 0 {
		f.whole.Add(-1)
	}
}

// read notes how many documents of a lean page were plain, and how many were not.
func (f *form) read(plain, others int) {
	if plain+others >= telling && plain*worthwhile < plain+others {
		f.whole.Store(probeAfter)
	}
}

// strange notes that doc values told what no span is made of.
func (f *form) strange() { f.whole.Store(probeAfter) }

// refused notes that the cluster does not do the search, and tells whether that is new.
func (f *form) refused() bool {
	f.whole.Store(refusedProbeAfter)
	return !f.said.Swap(true)
}
