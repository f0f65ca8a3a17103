package slo

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
)

// A BadTrace is a trace in which an event of an objective was bad, and the last
// such event of the trace.
type BadTrace struct {
	// TraceID has 32 hexadecimal digits, SpanID 16.
	TraceID, SpanID string
	// End is when the span ended, and Duration how long it took.
	End      time.Time
	Duration time.Duration
	// Service, Operation and ErrorType are as CulpritCount has them.
	Service, Operation, ErrorType string
}

// BadTraces returns the traces with the latest bad events of the objective that is
// shown with these labels, newest first: sli.MaxBadTraces at most, none older
// than the retention. Events in excluded minutes are among them. It may be
// called at any time by any goroutine, and fails as History does.
func (l *Ledger) BadTraces(tx *state.Tx, slo, service string) ([]BadTrace, error) {
	s, _, err := l.past(tx, slo, service)
	if err != nil {
		return nil, err
	}
	var m meta
	if _, err := readMeta(tx, &m); err != nil {
		return nil, err
	}
	events, err := readBad(tx.Bucket(badBucket), s.series.id)
	if err != nil {
		return nil, err
	}
	var traces []BadTrace
	for _, e := range since(events, m.Clock-l.retention) {
		traces = append(traces, BadTrace{
			TraceID: fmt.Sprintf("%x", e.TraceID), SpanID: fmt.Sprintf("%016x", e.SpanID),
			End: time.UnixMicro(e.End).UTC(), Duration: time.Duration(e.Duration) * time.Microsecond,
			Service: e.Service, Operation: e.Operation, ErrorType: e.ErrorType,
		})
	}
	return traces, nil
}

// collectBad takes the bad events of the step that have a minute.
func (s *saving) collectBad(judged Judged) {
	for e := range judged.BadEvents() {
		minute := e.End / minuteMicros
		of := s.takes[seriesName{e.Measure, e.Value}]
		if of == nil || minute < s.oldest || minute > s.now+maxAhead {
			continue
		}
		s.bad[of.id] = append(s.bad[of.id], e)
	}
}

const minuteMicros = 60_000_000

// writeBad puts the bad events of the step among those of their series.
func (s *saving) writeBad(tx *state.Tx) error {
	for _, id := range slices.Sorted(maps.Keys(s.bad)) {
		b := tx.Bucket(badBucket)
		events, err := readBad(b, id)
		if err != nil {
			return err
		}
		for _, e := range s.bad[id] {
			events = keepBad(events, e)
		}
		s.days.buffer = appendBad(s.days.buffer[:0], events)
		if err := b.Put(idKey(id), s.days.buffer); err != nil {
			return err
		}
	}
	return nil
}

// dropBad removes the bad events before a minute.
func dropBad(tx *state.Tx, oldest int64) error {
	b := tx.Bucket(badBucket)
	kept := map[uint32][]sli.BadEvent{}
	if err := b.ForEach(func(key, _ []byte) error {
		if len(key) != 4 {
			return fmt.Errorf("%q: key %x: %w", badBucket, key, errLedger)
		}
		id := binary.BigEndian.Uint32(key)
		events, err := readBad(b, id)
		if n := len(events); n > 0 && events[n-1].End/minuteMicros < oldest {
			kept[id] = since(events, oldest)
		}
		return err
	}); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(kept)) {
		if len(kept[id]) == 0 {
			if err := b.Delete(idKey(id)); err != nil {
				return err
			}
			continue
		}
		if err := b.Put(idKey(id), appendBad(nil, kept[id])); err != nil {
			return err
		}
	}
	return nil
}

// keepBad puts an event among those of a series, newest first and one a trace,
// if it is among the newest.
func keepBad(events []sli.BadEvent, e sli.BadEvent) []sli.BadEvent {
	n := len(events)
	if n == sli.MaxBadTraces && e.Compare(&events[n-1]) <= 0 {
		return events
	}
	if same := slices.IndexFunc(events, func(known sli.BadEvent) bool { return known.TraceID == e.TraceID }); same >= 0 {
		if e.Compare(&events[same]) <= 0 {
			return events
		}
		events = slices.Delete(events, same, same+1)
	} else if n == sli.MaxBadTraces {
		events = events[:n-1]
	}
	place, _ := slices.BinarySearchFunc(events, e, func(known, e sli.BadEvent) int { return e.Compare(&known) })
	return slices.Insert(events, place, e)
}

// since returns those of events, newest first, that did not end before a minute.
func since(events []sli.BadEvent, minute int64) []sli.BadEvent {
	end := slices.IndexFunc(events, func(e sli.BadEvent) bool { return e.End/minuteMicros < minute })
	if end < 0 {
		return events
	}
	return events[:end]
}
