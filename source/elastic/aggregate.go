package elastic

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/traceslo/traceslo/source"
)

// Counting is done in windows of a fenced range, each of which is split by
// queries that exclude each other. The spans that are eligible, by their doc
// values alone, are counted by the cluster; all others are read.
//
// Eligible is a plain span (or a nested one, where an index has many) that
// began in one of a few minutes and surely ended in the same: one of at most d
// began at least d before the minute's end. So the cluster sorts spans by the
// minute of their end, which no document holds, without a script. The shorter
// spans are, the fewer are left over.
//
// Of the others, those come as rows that are plain, or that failed while fields
// tell of what; the rest is read whole, if there is any. The same rows show some
// of the spans that are counted: the newest, and those that took longest.
//
// What is counted is proven, window by window: each answer is whole, its
// buckets add up to its documents, and these, the rows and the rest to all that
// the window has. A window without proof is read as documents.

// A tactic is how an index is counted, for all its shards.
type tactic struct {
	mu sync.Mutex // guards all below
	// size is how many numbers a window has.
	size int64
	// width is how many buckets of durations one search tells apart.
	width int
	// minutes are those in which eligible spans begin, ascending; none if they are to be found out.
	minutes []int64
	// next is how many of those that follow are expected as well.
	next int
	// nested holds if spans are counted whose kind is in the list of tags.
	nested bool
	// slow is a duration that few spans of the last window reached, 0 if it is not known.
	slow int64
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
	firstWidth    = 128
	leastWidth    = 4
	// mostBuckets is a little less than what a cluster allows in one answer (search.max_buckets).
	mostBuckets = 60_000
	// fitsSurely is which part of a page that what is not counted should fill.
	fitsSurely = 0.75
	// mostMinutes is in how many minutes eligible spans begin.
	mostMinutes = 8
	// skew is by how much the clocks of those who make spans may be ahead before
	// the first spans of each minute are read one by one.
	skew = 5 * time.Second
)

// tacticOf returns how an index is counted.
func (s *Source) tacticOf(uuid string) *tactic {
	t := &s.forms.of(uuid).tactic
	t.change(func(t *tactic) {
		if t.size == 0 {
			t.size, t.width, t.said = s.seams.firstWindow, int(s.width.Load()), map[string]bool{}
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
	slow    int64
}

// plan returns the next window's, of a survey at that time; ok is unset if it is to be read as documents.
func (t *tactic) plan(surveyed time.Time) (p plan, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.aside > 0 {
		t.aside--
		return plan{}, false
	}
	minutes := slices.Clone(t.minutes)
	for range t.next {
		// Each minute costs all spans of a window a little, and in those to come none has begun.
		m := minutes[len(minutes)-1] + 1
		if m*minuteMicros > surveyed.Add(skew).UnixMicro() {
			break
		}
		minutes = append(minutes, m)
	}
	minutes = minutes[max(0, len(minutes)-mostMinutes):]
	return plan{size: t.size, width: t.width, minutes: minutes, nested: t.nested, slow: t.slow}, true
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
	if k.Upto-k.after < s.seams.leastWindow {
		return false, nil
	}
	t := s.tacticOf(k.UUID)
	p, ok := t.plan(k.Surveyed)
	if !ok {
		return false, nil
	}
	window := k.Range
	window.After, window.Upto = k.after, min(k.Upto, k.after+p.size)
	reason, err := s.countWindow(ctx, k, w, t, &window, &p)
	if err == nil && reason == "" {
		err = s.uncounted(ctx, k, w, window, p)
	}
	switch {
	case err != nil:
		return s.countingFailed(k, t, window, p, err)
	case reason != "":
		s.setAside(k, t, reason, nil)
		return false, nil
	}
	k.after = w.page.Last
	s.watch.ObserveDocuments(formCounted, int(w.tally.spans))
	s.watch.ObserveDocuments(formLean, len(w.leanAnswer.Spans))
	s.watch.ObserveDocuments(formWhole, w.answer.Hits)
	s.width.Store(int64(p.width))
	t.learn(p, &w.tally, window, int64(w.answer.Hits) <= int64(s.sizes.now())/2)
	if groups := len(w.tally.groups); groups > telling && int(w.tally.spans) < s.seams.worth*groups {
		s.setAside(k, t, asideScattered, nil)
	}
	return true, nil
}

// countWindow has a window counted, and makes it smaller if what is not counted
// does not fit into a page. It returns the reason for which it is to be read as
// documents, "" if it was counted; w.leanAnswer has the rows that are not in
// groups then, and w.examples those that are.
func (s *Source) countWindow(ctx context.Context, k *walk, w *reader, t *tactic, window *source.Range, p *plan) (reason string, err error) {
	for looked, slowed := false, false; ; {
		if len(p.minutes) == 0 {
			looked = true
			if err := s.look(ctx, k, w, *window, p); err != nil {
				return "", err
			}
			t.change(func(t *tactic) { t.nested = p.nested })
		}
		if !window.EndedSince.IsZero() {
			// Old and new spans are in this minute, which are read one by one.
			split := window.EndedSince.UnixMicro() / minuteMicros
			p.minutes = slices.DeleteFunc(p.minutes, func(m int64) bool { return m == split })
		}
		switch {
		case len(p.minutes) > 0:
		case looked:
			return asideOthers, nil
		default:
			continue
		}
		if err := s.count(ctx, k, w, *window, p); err != nil {
			return "", err
		}
		others := w.tally.others()
		if others*2 > w.tally.total && others >= telling {
			if looked {
				return asideOthers, nil
			}
			p.minutes = nil
			continue
		}
		slow := w.tally.slower(min(max(1, w.tally.spans/(2*exampleOf)), mostExamples/2))
		var fits float64 // which part of the window
		switch {
		case w.leanAnswer.Hits < mostRows:
			rest := others - uint64(min(s.split(w, *p), int(others)))
			fits = float64(s.sizes.now()) / float64(rest)
		case others > mostRows/2:
			fits = mostRows / 2 / float64(others)
		case !slowed:
			// Spans last longer than those of the last window did.
			slowed, p.slow = true, slow
			continue
		default:
			return asideUnproven, nil
		}
		if fits >= 1 {
			t.change(func(t *tactic) { t.slow = slow })
			return "", nil
		}
		p.size = max(1, int64(float64(window.Upto-window.After)*fits*fitsSurely))
		window.Upto = window.After + p.size
		t.change(func(t *tactic) { t.size = p.size })
	}
}

// split moves those of the rows that are counted in groups to w.examples, and
// returns how many are not.
func (s *Source) split(w *reader, p plan) (n int) {
	rows := &w.leanAnswer
	w.examples = w.examples[:0]
	for i := range rows.Spans {
		if span := &rows.Spans[i]; !span.Failed && p.isInTime(span, s.top()) {
			w.examples = append(w.examples, *span)
			continue
		}
		rows.Spans[n], rows.Numbers[n] = rows.Spans[i], rows.Numbers[i]
		n++
	}
	rows.Spans, rows.Numbers = rows.Spans[:n], rows.Numbers[:n]
	return n
}

// uncounted makes the page of a window that was counted: of its groups, of the
// rows that are not in them, and of what has to be read whole.
func (s *Source) uncounted(ctx context.Context, k *walk, w *reader, window source.Range, p plan) error {
	rows, others := len(w.leanAnswer.Spans), int(w.tally.others())
	unproven := func(n int, what string) error {
		return fmt.Errorf("%q[%d]: of %d spans %d were counted, and %d %s: %w", window.Index, window.Shard, w.tally.total, w.tally.spans, n, what, errUnproven)
	}
	switch {
	case w.leanAnswer.Strange > 0:
		return unproven(w.leanAnswer.Strange, "rows tell no span")
	case rows > others:
		return unproven(rows, "rows are others")
	}
	w.page = source.Page{Last: window.Upto}
	w.answer.Spans, w.answer.Numbers, w.answer.Hits = w.answer.Spans[:0], w.answer.Numbers[:0], 0
	w.answer.Unreadable, w.answer.UnreadableNumbers = w.answer.Unreadable[:0], w.answer.UnreadableNumbers[:0]
	if others > rows {
		if err := s.search(ctx, w, s.rest(k, window, p, others-rows)); err != nil {
			return err
		}
		if n := rows + w.answer.Hits; n != others {
			return unproven(n, "are others")
		}
	}
	w.merge()
	w.page.Groups = w.tally.groups
	if p.nested && w.tally.spans > 0 {
		if err := s.exemplify(ctx, k, w, window, p); err != nil {
			return err
		}
	}
	w.page.Examples = w.examples
	return nil
}

// learn takes in what a window was like, so that the next one is of the right size.
// Few tells whether what was read whole leaves room for more.
func (t *tactic) learn(p plan, c *counted, window source.Range, few bool) {
	groups, others, minutes := int64(len(c.groups)), c.others(), c.minutesSeen()
	t.change(func(t *tactic) {
		size := p.size
		if groups > mostGroups {
			size = max(size*mostGroups/groups, size/4, leastWindow)
		} else if groups < mostGroups/2 && few && others < mostRows/4 && window.Upto-window.After == size {
			size = min(2*size, mostWindow)
		}
		if t.size == p.size {
			t.size = size
		}
		t.width = p.width
		switch n := len(minutes); {
		case n == 0 || others*5 > c.total:
			t.minutes, t.next = nil, 0
		default:
			// What is stored next began in the same minutes, or in as many next ones.
			t.minutes, t.next = minutes, min(n, mostMinutes/2)
		}
	})
}

// setAside has the index read as documents for a while, and tells of it.
func (s *Source) setAside(k *walk, t *tactic, reason string, err error) {
	said := false
	t.change(func(t *tactic) {
		t.aside, t.minutes, t.next = asidePages[reason], nil, 0
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
