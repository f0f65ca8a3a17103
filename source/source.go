// Package source says what a span is, what a source of spans promises, and
// reads sources to the last span, once each.
//
// Its place in the flow is the first:
//
//	source ← sli ← slo ← {rules, dashboards, slo/report} ← cmd/traceslo
//
// A Source is a set of indices, each cut into shards, and a shard is a
// sequence of spans numbered in order of arrival. That is Elasticsearch's
// shape (_seq_no), and anything that can number its spans can take it. The Feed
// asks a Source how far each shard can be read (Survey), reads up to there
// (Read), hands the spans on, and keeps how far it came (Positions) in the
// same transaction as what was counted from them.
//
// The package leaves the wire to the packages below it (source/elastic,
// source/spanfile, source/footanalytics), the stored form of a span to
// source/jaeger, and all judging and counting to sli.
package source

import (
	"context"
	"time"
)

// A Span is one stored span, as far as counting needs it.
//
// Its strings are valid UTF-8. They and Tags are only valid until the call that
// was handed the span returns: they lie in memory that the next page is read
// into. Whoever keeps one clones it (strings.Clone).
type Span struct {
	// TraceID is the trace's 128-bit id; an id of 64 bits is padded with zeros on the left.
	TraceID TraceID
	// SpanID is unique within a trace only together with Kind and Service:
	// Zipkin's client and server share one.
	SpanID uint64
	// Service is process.serviceName, never empty.
	Service string
	// Operation is the span's name, at most MaxOperation characters; a longer one is cut.
	Operation string
	// Kind is the span's role in the call.
	Kind Kind
	// Failed holds if the span's tag error is true or its OpenTelemetry status is ERROR.
	Failed bool
	// ErrorType names the failure with few different values; it is "" for a
	// span that did not fail, and "unknown" for a failed one that does not tell.
	ErrorType string
	// Root holds if the span has no parent within its trace.
	Root bool
	// Start is when the span began, in microseconds since the Unix epoch. It
	// is what the instrumented service wrote: it may lie in 1970 or in the year 3000.
	Start int64
	// Duration is how long it took, in microseconds, never negative.
	Duration int64
	// Tags holds the values of the tags that the reader was asked for, in that
	// order; "" where the span lacks one. A tag of the span goes before one of the process.
	Tags []string
}

// End returns when the span ended, in microseconds since the Unix epoch. It
// saturates instead of overflowing.
func (s *Span) End() int64 {
	end := s.Start + s.Duration
	if end < s.Start {
		return 1<<63 - 1
	}
	return end
}

// A Group is spans that a source counted and does not hand out one by one. They
// did not fail, and all that counting reads is the same of them: service,
// operation, kind, Root, Tags, the minute in which they ended, and the bucket
// of their duration, as whoever made the source has them (sli.Config.Fine).
type Group struct {
	// Span stands for them all: what is the same of them is in it, its Duration
	// lies in their bucket and its End in their minute. It has no ids.
	Span Span
	// Count is how many they are, at least 1 and below 2^32.
	Count uint64
	// Duration is the sum of their durations in microseconds. Of groups of a
	// page that differ in the bucket and in Root alone, one may hold the sum of several.
	Duration uint64
}

// MaxOperation is the greatest length of an operation's name, in characters:
// that up to which Jaeger's mapping indexes one (ignore_above).
const MaxOperation = 256

// A TraceID is a trace's id, most significant byte first.
type TraceID [16]byte

// A Kind is the role of a span in a call, as OpenTelemetry names it.
type Kind uint8

// The kinds of spans. KindUnspecified is a span that does not tell.
const (
	KindUnspecified Kind = iota
	KindServer
	KindClient
	KindProducer
	KindConsumer
	KindInternal
	// Kinds is how many there are.
	Kinds
)

var kindNames = [Kinds]string{"unspecified", "server", "client", "producer", "consumer", "internal"}

// String returns the value that the label span_kind has for k.
func (k Kind) String() string { return kindNames[k] }

// ParseKind returns the kind that the tag span.kind names, in lower case as
// Jaeger writes it, and KindUnspecified for anything else.
func ParseKind(name string) Kind {
	for k, n := range kindNames {
		if n == name {
			return Kind(k)
		}
	}
	return KindUnspecified
}

// A Source holds spans and hands them out. Each source passes the contract in
// sourcetest.
type Source interface {
	// Survey lists every index that holds spans and how far each shard of it
	// can be read now. It returns an *Error if it cannot tell of all indices;
	// a shard that is known to exist and cannot be read at the moment is
	// listed with Ready unset. Survey and Read are not called at the same time.
	Survey(ctx context.Context) (Survey, error)

	// Read hands all spans of r to page, in ascending order of their numbers,
	// in as many pages as it likes, the last of which has Last == r.Upto. A
	// range without spans still makes one page. It either hands over a page
	// whole or not at all; after an error, everything up to the Last of the
	// last page was handed over and nothing after. An error of page ends the
	// reading and is returned as it is. Read retries by itself what passes;
	// what it returns is an *Error, or ctx's. Several goroutines may read
	// different ranges at once.
	//
	// A number of the range that Read does not yield, as a span or within a
	// group, is gone for good: the span was overwritten or deleted.
	Read(ctx context.Context, r Range, page func(*Page) error) error
}

// A Survey is what a Source holds at one moment.
type Survey struct {
	// Cluster identifies the store: another value is another store. It may be
	// "" where the store does not tell.
	Cluster string
	// Clock is the store's own time, taken before anything else in the
	// survey; index creation times are compared with it.
	Clock time.Time
	// Taken is this machine's time when the survey began: all spans stored
	// until then are below the Upto of their shard.
	Taken time.Time
	// Indices are the indices that hold spans, sorted by Created, then Name.
	Indices []Index
	// Others is how many numbers were given out, since the survey before, in
	// shards that are left out because other members read them (Share).
	Others int64
}

// An Index is a set of shards with one life: created once, deleted once.
type Index struct {
	// Name may be given out again after the index was deleted; UUID never.
	Name, UUID string
	// Created is when the index was created, by the store's clock.
	Created time.Time
	// Unfollowed is empty for an index to follow; else it says why the
	// index is not: one of the Unfollowed constants.
	Unfollowed Unfollowed
	// Closed holds while the index exists but cannot be read at all.
	Closed bool
	// Shards are the index's shards, sorted by Number. A closed index has none.
	Shards []Shard
}

// Unfollowed is why an index is left out, a closed set of words that serve as
// a metric's label.
type Unfollowed string

// The reasons to leave an index out.
const (
	// Resized is a shrunken, split or cloned copy of another index.
	Resized Unfollowed = "resized"
	// Mounted is a searchable snapshot of another index.
	Mounted Unfollowed = "mounted"
	// Restored is a copy that came back under a known name with its old creation time.
	Restored Unfollowed = "restored"
	// Unnumbered is an index whose spans cannot be found by sequence number.
	Unnumbered Unfollowed = "unnumbered"
)

// A Shard is a sequence of spans numbered by arrival, from 0.
type Shard struct {
	Number int
	// History changes when numbers may have been given out anew, as when an
	// operator forces a stale copy to be the primary. Empty where not Ready.
	History string
	// First is a number below which there never was a span: 0 where all were
	// given out one after the other.
	First int64
	// Upto is the number up to which everything has arrived for good and can
	// be read: nothing at or below it appears later. It is -1 for an empty shard.
	Upto int64
	// Max is the highest number given out, -1 for an empty shard. It is below
	// a number that was read before only if the store lost what it had
	// acknowledged; it will then give those numbers out again.
	Max int64
	// Ready is unset while the shard cannot be read.
	Ready bool
}

// A Range is what to read of one shard: the numbers in (After, Upto].
type Range struct {
	// Index and UUID name the index; UUID is what was surveyed under this name.
	Index, UUID string
	Shard       int
	// After is -1 to read from the beginning.
	After, Upto int64
	// Surveyed is Survey.Taken of the survey that told Upto.
	Surveyed time.Time
	// Want, if not 0, is how many spans will probably end the reading: a
	// source need not fetch more than that ahead.
	Want int
	// EndedSince, if not zero, allows the source to leave out spans that
	// ended before it (it need not). The spans of one group all ended before
	// it, as the group's Span then did too, or none of them.
	EndedSince time.Time
}

// A Page is a piece of a range. It and all in it belong to the source, which
// reuses them after the call that was handed the page returns.
type Page struct {
	Spans []Span
	// Groups are the spans of the page that are not in Spans.
	Groups []Group
	// Examples are some of the spans in Groups, as they were stored: they show
	// what is counted there, and do not count themselves.
	Examples []Span
	// Unreadable are the documents of the page that are not understood.
	Unreadable []Unreadable
	// Last is the number up to which the range is read with this page.
	Last int64
}

// An Unreadable document is one that no span can be made of.
type Unreadable struct {
	// Reason is from the closed set of source/jaeger.
	Reason string
	// Index and ID say where the document lies.
	Index, ID string
}
