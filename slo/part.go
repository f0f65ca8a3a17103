package slo

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
)

// A PartHead is how far a ledger that shares the events with others came with
// its part of them.
type PartHead struct {
	// Format is PartFormat.
	Format int `json:"format"`
	// Reader says which part it is, as 1/2.
	Reader string `json:"reader"`
	// Configuration says by what is judged: parts of another do not add up.
	Configuration string `json:"configuration"`
	// Seq numbers the last increment, and Mark is its name, which no other has:
	// after a backup was restored, numbers are given out again.
	Seq  uint64 `json:"seq"`
	Mark string `json:"mark"`
	// Watermark is the time, in milliseconds, before which all that is stored is counted; 0 for none.
	Watermark int64 `json:"watermark_ms"`
	// Since is the first minute of which all that is stored counts, 0 if that is
	// not known yet; Earliest holds if that is the first of which anything is stored.
	Since    int64 `json:"since_minute"`
	Earliest bool  `json:"earliest"`
	// Gaps are the minutes, from the first to the one before the second, of which spans were lost.
	Gaps [][2]int64 `json:"gaps"`
	// Measures are what is judged.
	Measures []PartMeasure `json:"measures"`
}

// PartFormat is the format of parts that this version writes and reads.
const PartFormat = 1

// A PartMeasure is since when an objective is judged: from the minute Born on, without those in Holes.
type PartMeasure struct {
	Name        string     `json:"name"`
	Fingerprint string     `json:"fingerprint"`
	Born        int64      `json:"born_minute"`
	Holes       [][2]int64 `json:"holes"`
}

// A Part is what happened to a ledger after an increment that is known.
type Part struct {
	PartHead
	// More holds if there are increments after those; the head is as of the last of these.
	More       bool        `json:"more"`
	Increments []Increment `json:"increments"`
}

// An Increment is what one commit added to a ledger, or a part of all that was added.
type Increment struct {
	// Series are the name, the fingerprint and the value of each series; the
	// first two are "" for all spans of the platform.
	Series [][3]string `json:"series"`
	// Minutes are events: the place of the series, the minute since the Unix
	// epoch, how many events, and how many of these bad.
	Minutes  [][4]int64     `json:"minutes"`
	Culprits []PartCulprit  `json:"culprits,omitempty"`
	Bad      []PartBadEvent `json:"bad,omitempty"`
}

// A PartCulprit is how many bad events one culprit had in a day; without a
// service, how many those had together that are not told apart any more.
type PartCulprit struct {
	Series int   `json:"series"`
	Day    int64 `json:"day"`
	CulpritCount
}

// A PartBadEvent is one bad event, with times in microseconds.
type PartBadEvent struct {
	Series    int    `json:"series"`
	TraceID   string `json:"trace_id"`
	SpanID    string `json:"span_id"`
	End       int64  `json:"end_us"`
	Duration  int64  `json:"duration_us"`
	Service   string `json:"service"`
	Operation string `json:"operation"`
	ErrorType string `json:"error_type,omitempty"`
}

// ErrGone says that a ledger does not know the increment any more after which
// it was asked: all of it has to be read anew.
var ErrGone = errors.New("the increment is not known, or not any more; read the ledger's part anew")

// outBucket holds the last increments, by their numbers.
const outBucket = "slo/increments"

const (
	// maxOut and maxOutBytes bound what is kept of increments: some hours, for
	// whoever was away for so long.
	maxOut      = 5000
	maxOutBytes = 16 << 20
	// maxPart bounds the increments of one answer.
	maxPart = 4 << 20
)

// An outEntry is an increment that is kept.
type outEntry struct {
	seq  uint64
	size int
}

// outRecord is what the state file holds of one.
type outRecord struct {
	Mark      string          `json:"mark"`
	Watermark int64           `json:"watermark_ms"`
	Increment json.RawMessage `json:"increment"`
}

func seqKey(seq uint64) []byte { return binary.BigEndian.AppendUint64(nil, seq) }

func (l *Ledger) loadOut(tx *state.Tx) error {
	l.out = nil
	return tx.Bucket(outBucket).ForEach(func(key, value []byte) error {
		if len(key) != 8 {
			return fmt.Errorf("%q: key %x: %w", outBucket, key, errLedger)
		}
		l.out = append(l.out, outEntry{binary.BigEndian.Uint64(key), len(value)})
		return nil
	})
}

// writeIncrement keeps what this step adds for those who add up the parts.
func (s *saving) writeIncrement(tx *state.Tx) error {
	b := tx.Bucket(outBucket)
	text, err := json.Marshal(s.increment())
	if err != nil {
		return err
	}
	m := &s.next.meta
	m.Seq++
	m.Mark = newMark()
	if !s.step.Watermark.IsZero() {
		m.Watermark = max(m.Watermark, s.step.Watermark.UnixMilli())
	}
	m.Earliest = s.step.Since.IsZero()
	record, err := json.Marshal(outRecord{m.Mark, m.Watermark, text})
	if err != nil {
		return err
	}
	if err := b.Put(seqKey(m.Seq), record); err != nil {
		return err
	}
	s.next.out = append(slices.Clone(s.out), outEntry{m.Seq, len(record)})
	bytes := 0
	for _, e := range s.next.out {
		bytes += e.size
	}
	for len(s.next.out) > 1 && (len(s.next.out) > maxOut || bytes > maxOutBytes) {
		if err := b.Delete(seqKey(s.next.out[0].seq)); err != nil {
			return err
		}
		bytes -= s.next.out[0].size
		s.next.out = s.next.out[1:]
	}
	return nil
}

// increment returns what this step adds.
func (s *saving) increment() Increment {
	out := Increment{Series: [][3]string{}, Minutes: [][4]int64{}}
	places := map[uint32]int{}
	place := func(id uint32) int {
		at, ok := places[id]
		if !ok {
			at = len(out.Series)
			places[id] = at
			name := [3]string{}
			if of := s.byID[id]; of != nil {
				name = [3]string{of.measure.Name, of.measure.Fingerprint, of.value}
			}
			out.Series = append(out.Series, name)
		}
		return at
	}
	for c, n := range s.cells {
		out.Minutes = append(out.Minutes, [4]int64{int64(place(c.series)), c.minute, int64(n.Events), int64(n.Bad)})
	}
	for key, bad := range s.culprits {
		for who, n := range bad {
			out.Culprits = append(out.Culprits, PartCulprit{place(key.series), key.day, CulpritCount{who.Service, who.Operation, who.ErrorType, valuesOf(who), n}})
		}
	}
	for id, events := range s.bad {
		for i := range events {
			out.Bad = append(out.Bad, partBad(place(id), &events[i]))
		}
	}
	return out
}

func partBad(series int, e *sli.BadEvent) PartBadEvent {
	return PartBadEvent{series, fmt.Sprintf("%x", e.TraceID), fmt.Sprintf("%016x", e.SpanID), e.End, e.Duration, e.Service, e.Operation, e.ErrorType}
}

// Part returns what the ledger added after an increment, as tx, which is of its
// state file, has it. It fails with ErrGone if it does not know that one. It
// may be called at any time by any goroutine.
func (l *Ledger) Part(tx *state.Tx, after uint64, mark string) (*Part, error) {
	b := tx.Bucket(outBucket)
	read := func(seq uint64) (r outRecord, err error) {
		text := b.Get(seqKey(seq))
		if text == nil {
			return r, ErrGone
		}
		return r, readJSON(outBucket, seqKey(seq), text, &r)
	}
	known, err := read(after)
	if err != nil {
		return nil, err
	}
	if known.Mark != mark {
		return nil, ErrGone
	}
	head, err := l.Head(tx)
	if err != nil {
		return nil, err
	}
	part := &Part{PartHead: head, Increments: []Increment{}}
	bytes := 0
	for seq := after + 1; seq <= head.Seq; seq++ {
		r, err := read(seq)
		if err != nil {
			return nil, err
		}
		if bytes += len(r.Increment); bytes > maxPart && len(part.Increments) > 0 {
			part.More = true
			break
		}
		var increment Increment
		if err := readJSON(outBucket, seqKey(seq), r.Increment, &increment); err != nil {
			return nil, err
		}
		part.Increments = append(part.Increments, increment)
		part.Seq, part.Mark, part.Watermark = seq, r.Mark, r.Watermark
	}
	if len(part.Increments) == 0 {
		part.Seq, part.Mark = after, mark
	}
	return part, nil
}

// Head returns how far the ledger came, as tx, which is of its state file, has
// it. It may be called at any time by any goroutine.
func (l *Ledger) Head(tx *state.Tx) (PartHead, error) {
	var m meta
	if _, err := readMeta(tx, &m); err != nil {
		return PartHead{}, err
	}
	head := PartHead{Format: PartFormat, Reader: l.reader, Configuration: l.configuration, Seq: m.Seq, Mark: m.Mark, Watermark: m.Watermark, Since: m.Since, Earliest: m.Earliest,
		Gaps: pairsOf(m.Gaps), Measures: []PartMeasure{}}
	for _, o := range l.objectives {
		measure := measure{Name: o.Name, Fingerprint: o.Fingerprint()}
		if text := tx.Bucket(measuresBucket).Get([]byte(measure.key())); text != nil {
			if err := readJSON(measuresBucket, []byte(measure.key()), text, &measure); err != nil {
				return head, err
			}
		}
		head.Measures = append(head.Measures, PartMeasure{measure.Name, measure.Fingerprint, measure.Born, pairsOf(measure.Holes)})
	}
	return head, nil
}

func pairsOf(ranges []minuteRange) [][2]int64 {
	pairs := make([][2]int64, len(ranges))
	for i, r := range ranges {
		pairs[i] = [2]int64{r.From, r.To}
	}
	return pairs
}

func rangesOf(pairs [][2]int64) []minuteRange {
	ranges := make([]minuteRange, len(pairs))
	for i, p := range pairs {
		ranges[i] = minuteRange{p[0], p[1]}
	}
	return ranges
}

// valuesOf returns the values of a culprit's dimensions.
func valuesOf(who sli.Culprit) []string {
	if who.Values == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(who.Values, "\x00"), "\x00")
}
