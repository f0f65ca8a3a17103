package sli

import (
	"bytes"
	"cmp"
	"iter"
	"strings"

	"github.com/traceslo/traceslo/source"
)

// MaxBadTraces is of how many traces a measure's value tells a bad event.
const MaxBadTraces = 20

// A BadEvent is one bad event of a measure: where to look for what went wrong.
type BadEvent struct {
	// Measure and Value are as MinuteCount has them.
	Measure int
	Value   string
	TraceID source.TraceID
	SpanID  uint64
	// End is when the span ended, in microseconds since the Unix epoch, and
	// Duration how long it took, in microseconds. Neither is negative.
	End, Duration int64
	// Service, Operation and ErrorType are labels as the jaeger_* series have
	// them, bounded. ErrorType is "" for an event whose span did not fail.
	Service, Operation, ErrorType string
}

// Compare orders events by when they ended, and equal ones by all that they
// are, so that which are the newest does not depend on the order of reading.
func (e *BadEvent) Compare(f *BadEvent) int {
	return cmp.Or(cmp.Compare(e.End, f.End), bytes.Compare(e.TraceID[:], f.TraceID[:]), cmp.Compare(e.SpanID, f.SpanID), cmp.Compare(e.Duration, f.Duration),
		strings.Compare(e.Service, f.Service), strings.Compare(e.Operation, f.Operation), strings.Compare(e.ErrorType, f.ErrorType))
}

// BadEvents yields bad events that were counted since the last Publish or
// Discard, in no order: of each measure and value those that ended last, of
// MaxBadTraces traces a worker, and of each trace the one that ended last. An
// event that ended before 1970 or more than an hour after the last Save is
// none of them: it would stay the newest. It is called as Minutes is.
func (r *Recorder) BadEvents() iter.Seq[BadEvent] {
	return func(yield func(BadEvent) bool) {
		for _, t := range r.tallies {
			for i := range t.bad.lists {
				l := &t.bad.lists[i]
				for j := range l.events[:l.len] {
					e := l.events[j].told()
					e.Measure, e.Value = l.series.judge.measure, l.series.value
					if !yield(e) {
						return
					}
				}
			}
		}
	}
}

// A badEvents is the part of a tally that keeps the newest bad events of each series.
type badEvents struct {
	lists []badList
	// at has the place of a series' list, plus one, by its slot.
	at []uint32
}

// A badList is the newest bad events of a series, one a trace, in no order.
type badList struct {
	series *series
	len    int
	// oldest is the place of the oldest event, if the list is full.
	oldest int
	events [MaxBadTraces]badEvent
}

type badEvent struct {
	trace         source.TraceID
	span          uint64
	end, duration int64
	set           *set
	// failure is as culpritKey has it.
	failure uint32
}

// add keeps a bad event if it is among the newest.
func (b *badEvents) add(to *series, e badEvent) {
	for int(to.slot) >= len(b.at) {
		b.at = append(b.at, 0)
	}
	place := b.at[to.slot]
	if place == 0 {
		b.lists = append(b.lists, badList{series: to})
		place = uint32(len(b.lists))
		b.at[to.slot] = place
	}
	b.lists[place-1].offer(&e)
}

// offer puts e in the place of an older event: that of its trace, or else the oldest.
func (l *badList) offer(e *badEvent) {
	full := l.len == len(l.events)
	if full && e.compare(&l.events[l.oldest]) <= 0 {
		return // an event of its trace is no older than the oldest
	}
	place := l.len
	if full {
		place = l.oldest
	}
	for i := range l.events[:l.len] {
		if l.events[i].trace == e.trace {
			if e.compare(&l.events[i]) <= 0 {
				return
			}
			place = i
			break
		}
	}
	l.events[place] = *e
	switch {
	case place == l.len:
		if l.len++; l.len < len(l.events) {
			return
		}
	case !full || place != l.oldest:
		return
	}
	l.oldest = 0
	for i := range l.events {
		if l.events[i].compare(&l.events[l.oldest]) < 0 {
			l.oldest = i
		}
	}
}

// compare orders as BadEvent.Compare does.
func (e *badEvent) compare(f *badEvent) int {
	if e.end != f.end {
		return cmp.Compare(e.end, f.end)
	}
	a, b := e.told(), f.told()
	return a.Compare(&b)
}

// told returns the event without its measure and value.
func (e *badEvent) told() BadEvent {
	svc := e.set.operation.service
	told := BadEvent{TraceID: e.trace, SpanID: e.span, End: e.end, Duration: e.duration, Service: svc.name, Operation: e.set.operation.name}
	if e.failure > 0 {
		told.ErrorType = svc.names[e.failure-1]
	}
	return told
}

// keptLists is how many lists a step may have had for their memory to be kept
// for the next one.
const keptLists = 1 << 12

func (b *badEvents) empty() {
	for i := range b.lists {
		b.at[b.lists[i].series.slot] = 0
	}
	if len(b.lists) > keptLists {
		b.lists = nil
		return
	}
	clear(b.lists)
	b.lists = b.lists[:0]
}
