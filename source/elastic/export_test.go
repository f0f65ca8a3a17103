package elastic

import (
	"context"
	"net"
	"time"

	"github.com/traceslo/traceslo/source"
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
	Plain, Other, Rest []byte
	Nested             [source.Kinds][]byte
}

// PlainQueries returns the queries for a reader of tags.
func PlainQueries(tags []string, dotReplacement string, roots, noted bool) Queries {
	p := newPlain(tags, dotReplacement, roots, noted)
	return Queries{Plain: p.query, Other: p.other, Rest: p.rest, Nested: p.nested}
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

// ReadCounted reads the answer to one band of two buckets, for a reader of one tag and of roots.
func ReadCounted(body []byte) ([]source.Group, error) {
	s, err := New(Options{Config: Default(), Tags: []string{"env"}, Roots: true, Fine: []uint64{10, 100}})
	if err != nil {
		return nil, err
	}
	defer s.Close()
	var c counted
	c.reset(s, source.Range{}, []int64{29453760}, plan{width: 2}.bands(s.bounds))
	err = c.read(body, func(a *part) error { return s.trust(call{operation: opCount, thing: "x"}, a) })
	return c.groups, err
}

// Parts returns the searches that a counted window is made of, each over a whole range: the counting, that
// for examples of what was counted, and that for all others. Each returns how many spans it told of.
func Parts(ctx context.Context, s *Source, r source.Range) (count, examples, others func() (int, error), err error) {
	k, w, p := s.walk(r), s.reader(), plan{width: firstWidth}
	if err := s.look(ctx, k, w, r, &p); err != nil {
		return nil, nil, nil, err
	}
	count = func() (int, error) {
		err := s.count(ctx, k, w, r, &p)
		return int(w.tally.spans), err
	}
	examples = func() (int, error) {
		err := s.exemplify(ctx, k, w, r, p)
		return len(w.leanAnswer.Spans), err
	}
	others = func() (int, error) {
		err := s.others(ctx, k, w, r, p)
		return w.answer.Hits, err
	}
	return count, examples, others, nil
}
