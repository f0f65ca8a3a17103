package elastic

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// NewWithDial is New with connections of the test's own making.
func NewWithDial(o Options, dial func(ctx context.Context, network, address string) (net.Conn, error)) (*Source, error) {
	return newSource(o, dial)
}

// MaxAnswer is the largest answer that is read.
const MaxAnswer = maxAnswer

// ParseStats and ParseSettings read what a cluster answers; their results are
// the package's own.
func ParseStats(body []byte) error {
	_, err := parseStats(body)
	return err
}

// ParseSettings returns the names of the indices that the settings tell of.
func ParseSettings(body []byte) ([]string, error) {
	byUUID, err := parseSettings(body, newNames("", "-"))
	var found []string
	for _, f := range byUUID {
		found = append(found, f.name)
	}
	return found, err
}

// Follows tells whether an index is followed by its name.
func Follows(prefix, separator, name string) bool {
	return newNames(prefix, separator).followed.MatchString(name)
}

// Queries are those that tell which documents are plain.
type Queries struct {
	Plain, Other, Failed, Rest []byte
	Nested                     [source.Kinds][]byte
}

// PlainQueries returns the queries for a reader of tags.
func PlainQueries(tags []string, dotReplacement string, roots, noted bool) Queries {
	p := newPlain(tags, dotReplacement, roots, noted)
	return Queries{Plain: p.query, Other: p.other, Failed: p.failed, Rest: p.rest, Nested: p.nested}
}

// SetLeanPage makes the next lean page one of so many documents.
func SetLeanPage(s *Source, documents int) { s.leanSizes.set(documents) }

// ReadWhole has a source read an index by whole documents from now on.
func ReadWhole(s *Source, uuid string) { s.forms.of(uuid).whole.Store(1 << 40) }

// SetQuiet says for how long nothing of an index must have changed for it not
// to be asked any more, and of how many shards that must be so.
func (s *Source) SetQuiet(after time.Duration, least int) {
	s.quiet.after, s.quiet.least = after, least
}

// SetCounting has windows begin with so many numbers, not be smaller than so
// many, and answers have so many buckets, however few spans are alike.
func SetCounting(s *Source, first, least int64, buckets int) {
	s.seams = seams{first, least, buckets, 0}
}

// ReadCounted reads the answer to one band of two buckets, the number of spans and their rows, for a reader of one tag
// and of roots. It returns the answer with the rows.
func ReadCounted(body []byte) (groups []source.Group, rows string, err error) {
	s, err := New(Options{Config: Default(), Tags: []string{"env"}, Roots: true, Fine: []uint64{10, 100}})
	if err != nil {
		return nil, "", err
	}
	defer s.Close()
	var c counted
	c.reset(s, source.Range{Upto: 1 << 60}, []int64{29453760}, plan{width: 2}.bands(s.bounds))
	trust := func(a *part) error { return s.trust(call{operation: opCount, thing: "x"}, a) }
	err = c.read(body, trust, func(a *part) error { rows = string(a.whole); return nil })
	return c.groups, rows, err
}

// Parts returns what a counted window is made of, each over a whole range: the counting alone, which is the raw
// aggregations, and the search for rows alone. Each returns how many spans it told of.
func Parts(ctx context.Context, s *Source, r source.Range) (raw, rows func() (int, error), err error) {
	k, w, p := s.walk(r), s.reader(), plan{width: firstWidth}
	if err := s.look(ctx, k, w, r, &p); err != nil {
		return nil, nil, err
	}
	if err := s.count(ctx, k, w, r, &p); err != nil {
		return nil, nil, err
	}
	p.slow = w.tally.slower(w.tally.spans / (2 * exampleOf))
	raw = func() (int, error) {
		bands := p.bands(s.bounds)
		w.query = w.query[:0]
		for _, b := range bands {
			w.query = s.appendBand(w.query, k, r, p, b)
		}
		err := s.askMany(ctx, w, r, func(c call, body []byte) error {
			w.tally.reset(s, r, p.minutes, bands)
			// There is neither a total nor are there rows, which it misses when all is read.
			err := w.tally.read(body, func(a *part) error { return s.trust(c, a) }, nil)
			if errors.Is(err, errAnswer) && w.tally.spans > 0 {
				return nil
			}
			return err
		})
		return int(w.tally.spans), err
	}
	rows = func() (int, error) {
		q := s.rows(k, r, p)
		err := s.ask(ctx, opLean, w, q, &w.leanBody, &w.leanAnswer, func(body []byte, a *jaeger.Answer) error { return w.leanDecoder.LeanFailed(body, false, a) })
		return w.leanAnswer.Hits, err
	}
	return raw, rows, nil
}

// ExpectedMinutes returns in which minutes spans are counted, of a window that was surveyed then, if those of the window
// before began in these.
func ExpectedMinutes(before []int64, surveyed time.Time) []int64 {
	c, t := counted{spans: 10, total: 10, minutes: map[int64]bool{}}, tactic{size: 1}
	for _, m := range before {
		c.minutes[m] = true
	}
	t.learn(plan{size: 1}, &c, source.Range{}, true)
	p, _ := t.plan(surveyed)
	return p.minutes
}

// InTime returns what tells whether a span is counted, if these minutes are: by the query for what is, by the query for
// what is not, and by the span itself.
func InTime(minutes []int64, top int64) func(start, duration int64) (counted, not, by bool) {
	p := plan{minutes: minutes}
	is, isNot := p.inTime(0, top), p.outOfTime(top)
	return func(start, duration int64) (counted, not, by bool) {
		fields := map[string]int64{"startTime": start, "duration": duration}
		return holds(is, fields), holds(isNot, fields), p.isInTime(&source.Span{Start: start, Duration: duration}, top)
	}
}

// holds evaluates a query of ranges.
func holds(q any, fields map[string]int64) bool {
	is := func(all any, some bool) bool {
		for _, q := range all.(list) {
			if holds(q, fields) == some {
				return some
			}
		}
		return !some
	}
	o := q.(object)
	if ranges, ok := o["range"].(object); ok {
		for field, of := range ranges {
			for op, bound := range of.(object) {
				n, b := fields[field], bound.(int64)
				if op == "gte" && n < b || op == "gt" && n <= b || op == "lte" && n > b {
					return false
				}
			}
		}
		return true
	}
	clauses := o["bool"].(object)
	for name, all := range clauses {
		switch name {
		case "filter":
			if !is(all, false) {
				return false
			}
		case "must_not":
			if is(all, true) {
				return false
			}
		case "should":
			if !is(all, true) {
				return false
			}
		}
	}
	return true
}
