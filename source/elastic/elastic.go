// Package elastic reads the spans that Jaeger stored in Elasticsearch or
// OpenSearch. It implements source.Source over their HTTP interface.
//
// A survey is one request, GET <pattern>/_stats/docs?level=shards: each
// primary shard's global checkpoint is the number up to which everything was
// stored for good. A read is one refresh of the index, for all its shards,
// and searches for _seq_no within a range, page by page. It works alike on
// Elasticsearch 7 to 9 and OpenSearch 1 to 3, with rights to monitor, refresh
// and read the indices, and no others.
//
// It tells facts. What is new or old, what a lost index means, and how far was
// read is the affair of package source, which it serves; what a document says
// is that of source/jaeger.
package elastic

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// Options are what a Source is made of.
type Options struct {
	// Config has no fault but warnings, see Config.Validate; New refuses it else.
	Config Config
	// Tags are those whose values Span.Tags holds, in that order.
	Tags []string
	// Roots holds if Span.Root is wanted; without it, it is false.
	Roots bool
	// Fine are the bounds of the buckets that durations are counted in, in
	// microseconds, inclusive and ascending, as sli.Config.Fine tells them. They
	// are needed to read aggregations.
	Fine []uint64
	Log  zerolog.Logger
	// Observe, if not nil, is told of every request: an operation out of
	// Operations, the status of the answer ("200") or, if there was none, a
	// source.ErrorKind, and how long it took. Several goroutines call it at once.
	Observe func(operation, status string, took time.Duration)
	// Watch, if not nil, is told how the reading goes.
	Watch Watcher
}

// A Watcher is told how the reading goes. Several goroutines call it at once.
type Watcher interface {
	// ObserveDocuments is told of documents that were read, and how: lean or
	// whole, or counted by the cluster.
	ObserveDocuments(form string, documents int)
	// ObserveAside is told of each time that an index is from now on read as
	// documents for a while, although aggregations are to be read, and why: one of Asides.
	ObserveAside(reason string)
	// ObserveSearches is told how many searches may be under way at once from now on.
	ObserveSearches(most int)
	// ObserveWait is told for how long a search waited for its turn.
	ObserveWait(waited time.Duration)
}

// nobody is the Watcher of whom nothing is expected.
type nobody struct{}

// ObserveDocuments does nothing.
func (nobody) ObserveDocuments(string, int) {}

// ObserveSearches does nothing.
func (nobody) ObserveSearches(int) {}

// ObserveWait does nothing.
func (nobody) ObserveWait(time.Duration) {}

// ObserveAside does nothing.
func (nobody) ObserveAside(string) {}

// A Source reads spans from one cluster. It implements source.Source.
type Source struct {
	options Options
	dial    dialer
	log     zerolog.Logger
	link    *link
	names   names

	// All but the following belongs to Survey.
	identity  identity
	catalogue catalogue
	aging     aging
	quiet     quiet
	said      map[string]bool
	statsBody []byte

	refreshes refreshes
	// sizes are those of pages of documents, leanSizes of those of doc values.
	sizes, leanSizes pageSize
	forms            forms
	gate             gate
	watch            Watcher
	// leanSort are the sort values that tell a plain document, as JSON, and
	// restSort those that tell a failed one too.
	leanSort, restSort []byte
	// plain is for indices that do not keep note of values that are too long,
	// plainNoted for those that do.
	plain, plainNoted plain
	// bounds are those of the buckets in which spans are counted.
	bounds []int64
	// width is how many of them one search told apart of the window counted last.
	width atomic.Int64
	seams seams
	// shapes holds the aggregations of bands, as JSON: map[shape][]byte.
	shapes sync.Map
	// pool holds what a Read works with: *reader.
	pool sync.Pool
}

// seams are limits of counting that a test narrows.
type seams struct {
	firstWindow, leastWindow int64
	mostBuckets              int
	worth                    int
}

// New returns a source that has asked for nothing yet. It reads the files of
// credentials and certificates.
func New(o Options) (*Source, error) {
	return newSource(o, (&net.Dialer{Timeout: 10 * time.Second}).DialContext)
}

func newSource(o Options, dial dialer) (*Source, error) {
	var wrong []error
	for _, fault := range o.Config.Validate() {
		if !fault.Warning {
			wrong = append(wrong, fmt.Errorf("%s %s; %s", fault.Path, fault.Problem, fault.Cure))
		}
	}
	if len(wrong) > 0 {
		return nil, errors.Join(wrong...)
	}
	link, err := newLink(o, dial, time.Now())
	if err != nil {
		return nil, err
	}
	s := &Source{options: o, dial: dial, log: o.Log, link: link, names: newNames(o.Config.IndexPrefix, o.Config.IndexDateSeparator), said: map[string]bool{}, quiet: quiet{after: quietAfter, least: quietLeast}}
	s.plain = newPlain(o.Tags, o.Config.TagDotReplacement, o.Roots, false)
	s.plainNoted = newPlain(o.Tags, o.Config.TagDotReplacement, o.Roots, true)
	if s.bounds = countable(o.Fine); len(s.bounds) == 0 && o.Config.Read == Aggregations {
		return nil, errors.New("reading aggregations needs the bounds of the buckets that durations are counted in")
	}
	s.seams = seams{firstWindow, leastWindow, mostBuckets, worthCounting}
	if s.watch = o.Watch; s.watch == nil {
		s.watch = nobody{}
	}
	s.width.Store(firstWidth)
	s.gate.init(o.Config.MaxSearches, float64(o.Config.SearchShare), s.watch)
	s.leanSizes.set(firstLean)
	columns := jaeger.Columns(o.Tags, o.Config.TagDotReplacement, o.Roots)
	s.leanSort = leanSort(columns)
	s.restSort = leanSort(append(columns, jaeger.FailureColumns(o.Config.TagDotReplacement)...))
	s.pool.New = func() any {
		decoder := func() *jaeger.Decoder { return jaeger.NewDecoder(o.Tags, o.Config.TagDotReplacement) }
		return &reader{decoder: decoder(), leanDecoder: decoder(), exampleDecoder: decoder()}
	}
	return s, nil
}

// Close closes the connections. No other method is called after it.
func (s *Source) Close() { s.link.close() }

// maxSaid bounds what once remembers, as some of it is the cluster's own words.
const maxSaid = 1000

// once tells whether what is to be logged was not logged before. It is for
// facts that hold for long and are met on every poll.
func (s *Source) once(what string) bool {
	if s.said[what] {
		return false
	}
	if len(s.said) >= maxSaid {
		clear(s.said)
	}
	s.said[what] = true
	return true
}

var _ source.Source = (*Source)(nil)
