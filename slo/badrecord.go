package slo

import (
	"encoding/binary"
	"fmt"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
)

// badBucket holds the newest bad events of each series that has any, by its id.
const badBucket = "slo/bad"

// readBad returns the bad events of a series, newest first.
func readBad(b *state.Bucket, series uint32) ([]sli.BadEvent, error) {
	events, err := decodeBad(b.Get(idKey(series)))
	if err != nil {
		return nil, fmt.Errorf("%q: bad events of series %d: %w", badBucket, series, err)
	}
	return events, nil
}

func textsOf(e *sli.BadEvent) [3]string { return [...]string{e.Service, e.Operation, e.ErrorType} }

// appendBad appends the encoded events, newest first, to b. All numbers are
// uvarints:
//
//	number of texts; of each: its length, the text
//	number of events; of each: trace id (16 bytes), span id (8 bytes), end (of all
//	  but the first: by how much earlier than the one before), duration, and
//	  the places of service, operation and type of error among the texts
func appendBad(b []byte, events []sli.BadEvent) []byte {
	var texts []string
	place := map[string]uint64{}
	for i := range events {
		for _, text := range textsOf(&events[i]) {
			if _, ok := place[text]; !ok {
				place[text] = uint64(len(texts))
				texts = append(texts, text)
			}
		}
	}
	b = binary.AppendUvarint(b, uint64(len(texts)))
	for _, text := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	b = binary.AppendUvarint(b, uint64(len(events)))
	for i := range events {
		e := &events[i]
		b = binary.BigEndian.AppendUint64(append(b, e.TraceID[:]...), e.SpanID)
		end := e.End
		if i > 0 {
			end = events[i-1].End - end
		}
		b = binary.AppendUvarint(binary.AppendUvarint(b, uint64(end)), uint64(e.Duration))
		for _, text := range textsOf(e) {
			b = binary.AppendUvarint(b, place[text])
		}
	}
	return b
}

// decodeBad returns the events that b holds; nothing is none.
func decodeBad(b []byte) ([]sli.BadEvent, error) {
	if b == nil {
		return nil, nil
	}
	r := reader{rest: b}
	texts := make([]string, 0, 8)
	for n := r.uvarint(); n > 0 && !r.broken; n-- {
		texts = append(texts, string(r.bytes(r.uvarint())))
	}
	text := func() string {
		place := r.uvarint()
		if place >= uint64(len(texts)) {
			r.broken = true
			return ""
		}
		return texts[place]
	}
	events := make([]sli.BadEvent, 0, sli.MaxBadTraces)
	for n := r.uvarint(); n > 0 && !r.broken; n-- {
		var e sli.BadEvent
		copy(e.TraceID[:], r.bytes(uint64(len(e.TraceID))))
		if id := r.bytes(8); id != nil {
			e.SpanID = binary.BigEndian.Uint64(id)
		}
		if e.End = int64(r.uvarint()); len(events) > 0 {
			e.End = events[len(events)-1].End - e.End
		}
		e.Duration = int64(r.uvarint())
		e.Service, e.Operation, e.ErrorType = text(), text(), text()
		if e.End < 0 || e.Duration < 0 || len(events) == sli.MaxBadTraces || len(events) > 0 && e.Compare(&events[len(events)-1]) >= 0 {
			return nil, errLedger
		}
		events = append(events, e)
	}
	if r.broken || len(r.rest) > 0 {
		return nil, errLedger
	}
	return events, nil
}
