package elastic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/traceslo/traceslo/source"
)

// Counting is done in windows of a fenced range, each of which is split by
// queries that exclude each other. The spans that are eligible, by their doc
// values alone, are counted by the cluster; all others are read as documents.
//
// Eligible is a plain span (or a nested one, where an index has many) that
// began in one of a few minutes and surely ended in the same: one of at most d
// began at least d before the minute's end. So the cluster sorts spans by the
// minute of their end, which no document holds, without a script. The shorter
// spans are, the fewer are left over, and those are documents.
//
// What is counted is proven, window by window: each answer is whole, its
// buckets add up to its documents. A window without proof is read as documents.

// A tactic is how an index is counted, for all its shards.
type tactic struct {
	mu sync.Mutex // guards all below
	// size is how many numbers a window has.
	size int64
	// width is how many buckets of durations one search tells apart.
	width int
	// minutes are those in which eligible spans begin, ascending; none if they are to be found out.
	minutes []int64
	// nested holds if spans are counted whose kind is in the list of tags.
	nested bool
	// aside is how many pages are still to be read as documents, and said are
	// the reasons for which pages were.
	aside int
	said  map[string]bool
}

// The reasons for which a window is read as documents, words that serve as a metric's label.
const (
	asideOthers    = "others"    // most of its spans cannot be counted
	asideBuckets   = "buckets"   // more buckets than the cluster gives
	asideRefused   = "refused"   // the cluster does not do the search
	asideUnproven  = "unproven"  // the buckets are not what the documents are
	asideScattered = "scattered" // hardly two spans are alike
)

// Asides returns the words that Watcher.ObserveAside gets.
func Asides() []string {
	return []string{asideOthers, asideBuckets, asideRefused, asideUnproven, asideScattered}
}

// asidePages is for how many pages each reason has an index read as documents.
var asidePages = map[string]int{asideOthers: 20, asideBuckets: 50, asideRefused: 1000, asideUnproven: 10, asideScattered: 50}

const (
	firstWindow = 50_000
	// mostWindow bounds what one answer can cost the cluster.
	mostWindow = 1_000_000
	// leastWindow is how many numbers are worth the searches that count them.
	leastWindow = 1000
	// mostGroups is how many groups a window should make.
	mostGroups = 10_000
	// worthCounting is how many spans a group must stand for, at least, on the average.
	worthCounting = 2
	firstWidth    = 32
	leastWidth    = 4
	// mostBuckets is a little less than what a cluster allows in one answer (search.max_buckets).
	mostBuckets = 60_000
	// mostMinutes is in how many minutes eligible spans begin.
	mostMinutes = 8
)

// tacticOf returns how an index is counted.
func (s *Source) tacticOf(uuid string) *tactic {
	t := &s.forms.of(uuid).tactic
	t.change(func(t *tactic) {
		if t.size == 0 {
			t.size, t.width, t.said = s.seams.firstWindow, firstWidth, map[string]bool{}
		}
	})
	return t
}

// A plan is what a window is counted by.
type plan struct {
	size    int64
	width   int
	minutes []int64
	nested  bool
}

// plan returns the next window's; ok is unset if it is to be read as documents.
func (t *tactic) plan() (p plan, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.aside > 0 {
		t.aside--
		return plan{}, false
	}
	return plan{t.size, t.width, t.minutes, t.nested}, true
}

// change changes the tactic.
func (t *tactic) change(f func(*tactic)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f(t)
}

// countedPage reads the page behind k.after and moves it. It returns false if
// the page has to be read as documents.
func (s *Source) countedPage(ctx context.Context, k *walk, w *reader) (ok bool, err error) {
	left := k.Upto - k.after
	if left < s.seams.leastWindow {
		return false, nil
	}
	t := s.tacticOf(k.UUID)
	p, ok := t.plan()
	if !ok {
		return false, nil
	}
	window := k.Range
	window.After, window.Upto = k.after, min(k.Upto, k.after+p.size)
	looked := len(p.minutes) == 0
	for {
		if len(p.minutes) == 0 {
			if err := s.look(ctx, k, w, window, &p); err != nil {
				return s.countingFailed(k, t, window, p, err)
			}
			t.change(func(t *tactic) { t.nested = p.nested })
		}
		if !window.EndedSince.IsZero() {
			// Old and new spans are in this minute, which are read one by one.
			split := window.EndedSince.UnixMicro() / minuteMicros
			p.minutes = slices.DeleteFunc(slices.Clone(p.minutes), func(m int64) bool { return m == split })
		}
		if len(p.minutes) == 0 {
			s.setAside(k, t, asideOthers, nil)
			return false, nil
		}
		if err := s.others(ctx, k, w, window, p); err != nil {
			return s.countingFailed(k, t, window, p, err)
		}
		others := int64(w.answer.Hits)
		if others*2 <= w.page.Last-window.After || others < telling {
			break
		}
		if looked {
			s.setAside(k, t, asideOthers, nil)
			return false, nil
		}
		looked, p.minutes = true, nil
	}
	// Behind the last of the others it is not known which there are.
	window.Upto = w.page.Last
	if err := s.count(ctx, k, w, window, &p); err != nil {
		return s.countingFailed(k, t, window, p, err)
	}
	if left := window.Upto - window.After - int64(w.answer.Hits); w.tally.spans > uint64(left) {
		err := fmt.Errorf("%q[%d]: %d spans where there are %d numbers: %w", window.Index, window.Shard, w.tally.spans, left, errUnproven)
		return s.countingFailed(k, t, window, p, err)
	}
	if err := s.exemplify(ctx, k, w, window, p); err != nil {
		return s.countingFailed(k, t, window, p, err)
	}
	counted := w.tally.spans
	w.page.Groups, w.page.Examples = w.tally.groups, w.leanAnswer.Spans
	k.after = w.page.Last
	s.watch.ObserveDocuments(formCounted, int(counted))
	s.watch.ObserveDocuments(formWhole, w.answer.Hits)
	t.learn(p, w.tally.minutesSeen(), int64(len(w.tally.groups)), int64(counted), int64(w.answer.Hits))
	if groups := len(w.tally.groups); groups > telling && int(counted) < s.seams.worth*groups {
		s.setAside(k, t, asideScattered, nil)
	}
	return true, nil
}

// others reads the spans of a window that are not eligible, the first of them if they are more than a page.
func (s *Source) others(ctx context.Context, k *walk, w *reader, window source.Range, p plan) error {
	return s.search(ctx, w, query{
		Range: window, primaryOnly: k.primaryOnly, only: encode(both(nil, list{p.eligible(k.plain, s.bounds)})),
		size: int(min(int64(s.sizes.now()), window.Upto-window.After)),
	})
}

// learn takes in what a window was like, so that the next one is of the right size.
func (t *tactic) learn(p plan, minutes []int64, groups, counted, others int64) {
	t.change(func(t *tactic) {
		size := p.size
		if groups > mostGroups {
			size = max(size*mostGroups/groups, size/4, leastWindow)
		} else if groups < mostGroups/2 {
			size = min(2*size, mostWindow)
		}
		if t.size == p.size {
			t.size = size
		}
		t.width = p.width
		switch n := len(minutes); {
		case n == 0 || others*5 > counted+others:
			t.minutes = nil
		default:
			// What is stored next began in the same minutes, or in the next ones.
			last := minutes[n-1]
			t.minutes = slices.Concat(minutes[max(0, n-mostMinutes+2):], []int64{last + 1, last + 2})
		}
	})
}

// setAside has the index read as documents for a while, and tells of it.
func (s *Source) setAside(k *walk, t *tactic, reason string, err error) {
	said := false
	t.change(func(t *tactic) {
		t.aside, t.minutes = asidePages[reason], nil
		said, t.said[reason] = t.said[reason], true
	})
	s.watch.ObserveAside(reason)
	if !said {
		e := s.log.Info().Str("index", k.Index).Str("reason", reason)
		if err != nil {
			e = e.Err(err)
		}
		e.Msg("spans of an index are read as documents for a while, although read is aggregations; more of this reason are only counted")
	}
}

// countingFailed tells what an error of a counted page means: an error, or that
// it has to be read as documents.
func (s *Source) countingFailed(k *walk, t *tactic, window source.Range, p plan, err error) (ok bool, _ error) {
	switch {
	case errors.Is(err, errUnproven):
		s.setAside(k, t, asideUnproven, err)
		return false, nil
	case errors.Is(err, errSmaller):
		if size := window.Upto - window.After; size/2 >= s.seams.leastWindow {
			t.change(func(t *tactic) { t.size, t.width = size/2, p.width })
			return false, nil
		}
		s.setAside(k, t, asideBuckets, err)
		return false, nil
	case errors.Is(err, errRefused), source.KindOf(err) == source.Forbidden:
		// Where documents cannot be read either, reading them says so.
		s.setAside(k, t, asideRefused, err)
		return false, nil
	case source.KindOf(err) == source.Timeout:
		t.change(func(t *tactic) { t.size = max(t.size/2, s.seams.leastWindow) })
	}
	return false, err
}
