// Package footanalytics makes the spans of FootAnalytics, a platform that
// analyses football videos and does not exist.
//
// Ten services call each other as platform.go says, with the rhythm of match
// days (rhythm.go), and now and then something goes wrong (faults.go). It
// serves the command demo, which needs neither a platform nor a server to show
// a month of history, and tests that want plausible spans in any number.
//
// Time is cut into slots of one second, numbered by the Unix time they begin
// at. The traces that begin in a slot are a pure function of the Options and
// of the slot's number, so that any range of spans can be made again without
// any state. A span belongs to the slot in which it *ends*, for that is when an
// instrumented service sends it: a reader of slots [a, b] makes the traces of
// a few slots before a as well (horizon, computed from the table of the
// platform), and keeps what ends within. So a slot is whole as soon as it is
// over, and live data is seen a second after it happened.
//
// A Source hands the spans out for counting, without any JSON (Read), and as
// the documents that Jaeger would have stored (Documents). A Writer puts the
// same documents into a real cluster; Bulk is its engine, of use to tests that
// write documents of their own. The package leaves the form of a stored span to
// source/jaeger, and reading and counting to source and sli.
package footanalytics

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/traceslo/traceslo/source"
)

// Index is the name of the only index of a Source. It has one shard, number 0.
const Index = "footanalytics"

const (
	// defaultRate is about 26 spans a second at the peak, 24 million a month.
	defaultRate = 3
	// maxRate keeps a slot, and so a page, below 100,000 spans.
	maxRate = 10_000
	// A page ends at the slot with which it has pageSpans spans or covers pageSlots slots.
	pageSpans = 8192
	pageSlots = 3600
	// generation changes when the same Options begin to make other spans.
	generation = 1
)

// Options say what spans a Source makes. The zero value is usable: a platform
// that came to life just now.
type Options struct {
	// Seed chooses one of many equally plausible courses of events.
	Seed uint64
	// Rate is how many traces begin per second at the busiest time of the
	// week, at most 10,000; a trace has 9 spans on average. 0 stands for 3.
	Rate float64
	// History is how long before the call of New the spans begin.
	History time.Duration
	// Clock tells the time; nil stands for time.Now.
	Clock func() time.Time
	// Tags are the keys of the tags whose values Span.Tags holds, in that order.
	Tags []string
	// Faults are faults switched on by hand.
	Faults []Fault
	// Calm leaves out the faults that come by themselves a few times a week.
	Calm bool
}

// A Source is the platform's spans as one index with one shard, whose sequence
// numbers are slots: all spans that ended within one second share a number.
// It implements source.Source and is safe for use by several goroutines.
type Source struct {
	seed     uint64
	rate     float64
	calm     bool
	faults   []Fault
	clock    func() time.Time
	created  time.Time
	uuid     string
	journeys []journey
	horizon  int64
	// idle keeps a few walkers, and so their memory, for the next range.
	idle chan *walker
}

// New returns a Source, or an error that names the option that is wrong.
func New(o Options) (*Source, error) {
	if o.Rate == 0 {
		o.Rate = defaultRate
	}
	// Written so that NaN is refused as well.
	if !(o.Rate > 0 && o.Rate <= maxRate) {
		return nil, fmt.Errorf("rate %v: it must be above 0 and at most %d traces per second", o.Rate, maxRate)
	}
	if o.History < 0 {
		return nil, fmt.Errorf("history %v: it must not be negative", o.History)
	}
	for _, f := range o.Faults {
		if err := f.validate(); err != nil {
			return nil, err
		}
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	s := &Source{
		seed:     o.Seed,
		rate:     o.Rate,
		calm:     o.Calm,
		faults:   append([]Fault(nil), o.Faults...),
		clock:    o.Clock,
		created:  o.Clock().Add(-o.History).UTC().Truncate(time.Second),
		journeys: platform(),
		idle:     make(chan *walker, 2),
	}
	// Faults are left out: switching one on does not make another store.
	s.uuid = fmt.Sprintf("footanalytics-%x", mix(mix(o.Seed+generation)^math.Float64bits(o.Rate)))
	for i := range s.journeys {
		root := s.journeys[i].root
		root.root = true
		root.compile(o.Tags, s.journeys[i].video)
		s.horizon = max(s.horizon, slotOf(int64(root.longest()/time.Microsecond))+2)
	}
	return s, nil
}

// Survey tells of all slots that are over. It returns no error but ctx's.
func (s *Source) Survey(ctx context.Context) (source.Survey, error) {
	if err := ctx.Err(); err != nil {
		return source.Survey{}, err
	}
	now := s.clock()
	upto := now.Unix() - 1
	if upto < s.created.Unix() {
		upto = -1
	}
	return source.Survey{
		Cluster: s.uuid,
		Clock:   now,
		Taken:   now,
		Indices: []source.Index{{
			Name:    Index,
			UUID:    s.uuid,
			Created: s.created,
			// What the slots to come will hold is settled, so all numbers are
			// given out: a clock that is set back is not a store that lost spans.
			Shards: []source.Shard{{History: s.uuid, First: s.created.Unix(), Upto: upto, Max: math.MaxInt64, Ready: true}},
		}},
	}, nil
}

// Read makes the spans of r, as source.Source promises. It also reads slots
// that are not over yet: what they will hold is settled.
func (s *Source) Read(ctx context.Context, r source.Range, page func(*source.Page) error) error {
	if err := s.owns(r); err != nil {
		return err
	}
	w := s.walker()
	defer s.release(w)
	from := s.from(r)
	begun := from
	w.page.reset()
	if from > r.Upto {
		if err := ctx.Err(); err != nil {
			return err
		}
		w.page.Last = r.Upto
		return page(&w.page.Page)
	}
	return w.walk(from, r.Upto, func(slot int64, ended []record) error {
		for i := range ended {
			w.page.add(&ended[i])
		}
		if slot != r.Upto && len(w.page.Spans) < pageSpans && slot-begun+1 < pageSlots {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		w.page.Last, begun = slot, slot+1
		err := page(&w.page.Page)
		w.page.reset()
		return err
	})
}

// from returns the first slot of r that may hold spans.
func (s *Source) from(r source.Range) int64 {
	from := max(r.After+1, s.created.Unix())
	if !r.EndedSince.IsZero() {
		from = max(from, r.EndedSince.Unix())
	}
	return from
}

// owns returns an error unless r is of this source's index.
func (s *Source) owns(r source.Range) error {
	if r.Index == Index && r.UUID == s.uuid && r.Shard == 0 {
		return nil
	}
	return &source.Error{Kind: source.Foreign, Err: fmt.Errorf("read shard %d of index %q (%s): the platform has shard 0 of %q (%s) only", r.Shard, r.Index, r.UUID, Index, s.uuid)}
}

// slotOf returns the slot of a time in microseconds since the Unix epoch.
func slotOf(micros int64) int64 { return micros / 1e6 }
