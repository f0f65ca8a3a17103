package slo

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/traceslo/traceslo/sli"
)

// newMark returns a name that no other increment has.
func newMark() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// NewWhole returns a ledger that adds up the parts of others: what each of them
// judged is Judged by Increments, and saved as what one ledger judged itself. A
// minute is measured in it if it is in all of them.
func NewWhole(o LedgerOptions) *Ledger {
	o.Shared, o.Hold = false, 0
	o.Objectives = slices.Clone(o.Objectives)
	for i := range o.Objectives {
		// The parts are bounded already, each by itself.
		o.Objectives[i].ForEachLimit = math.MaxInt
	}
	return NewLedger(o)
}

// Measured tells a new whole, before it is saved first, since when the
// objectives are judged by all parts.
func (l *Ledger) Measured(parts []PartHead) {
	for _, o := range l.objectives {
		for _, p := range parts {
			for _, m := range p.Measures {
				if m.Name == o.measure.Name && m.Fingerprint == o.measure.Fingerprint {
					o.measure.Born = max(o.measure.Born, m.Born)
					o.measure.Holes = union(o.measure.Holes, rangesOf(m.Holes))
				}
			}
		}
		l.dirty[o.measure.key()] = o.measure
	}
}

// Adopt has the next Save of a whole take over from when on all parts count
// what is stored, and of which minutes any of them lost spans.
func (l *Ledger) Adopt(parts []PartHead) {
	l.adopted = &adopted{}
	for _, p := range parts {
		l.adopted.gaps = union(l.adopted.gaps, rangesOf(p.Gaps))
	}
	for _, p := range parts {
		if !p.Earliest {
			l.adopted.since = max(l.adopted.since, p.Since)
		}
	}
}

// adopted is what a whole knows from its parts besides events.
type adopted struct {
	// since is 0 if all that is stored counts: it begins with the first event then.
	since int64
	gaps  []minuteRange
}

// A part is what increments say was judged. It implements Judged.
type part struct {
	minutes  []sli.MinuteCount
	culprits []sli.CulpritCount
	bad      []sli.BadEvent
}

// Minutes implements Judged.
func (p *part) Minutes() iter.Seq[sli.MinuteCount] { return slices.Values(p.minutes) }

// Culprits implements Judged.
func (p *part) Culprits() iter.Seq[sli.CulpritCount] { return slices.Values(p.culprits) }

// BadEvents implements Judged.
func (p *part) BadEvents() iter.Seq[sli.BadEvent] { return slices.Values(p.bad) }

// Increments returns what increments of parts say was judged. They come from
// elsewhere: what no ledger writes is refused. Of objectives that are not in the
// configuration it says nothing.
func (l *Ledger) Increments(increments []Increment) (Judged, error) {
	places := map[string]int{}
	for i, o := range l.objectives {
		places[o.measure.key()] = i
	}
	p := &part{}
	for i := range increments {
		if err := p.add(&increments[i], places); err != nil {
			return nil, err
		}
	}
	return p, nil
}

const (
	// noMeasure is a series that the configuration does not have.
	noMeasure = -2
	// maxText bounds what one text of a part may be, in bytes.
	maxText = 4 << 10
)

func (p *part) add(in *Increment, places map[string]int) error {
	measures := make([]int, len(in.Series))
	for i, s := range in.Series {
		place, known := places[s[0]+"/"+s[1]]
		switch {
		case s == [3]string{}:
			place = sli.Platform
		case !known:
			place = noMeasure
		}
		if len(s[2]) > maxText {
			return fmt.Errorf("a value has %d bytes", len(s[2]))
		}
		measures[i] = place
	}
	of := func(series int64) (int, string, error) {
		if series < 0 || series >= int64(len(measures)) {
			return 0, "", fmt.Errorf("there is no series %d", series)
		}
		return measures[series], in.Series[series][2], nil
	}
	for _, m := range in.Minutes {
		measure, value, err := of(m[0])
		if err != nil {
			return err
		}
		if m[1] < 0 || m[2] < 1 || m[2] > 1<<53 || m[3] < 0 || m[3] > m[2] {
			return fmt.Errorf("minute %d with %d events of which %d are bad", m[1], m[2], m[3])
		}
		if measure != noMeasure {
			p.minutes = append(p.minutes, sli.MinuteCount{Measure: measure, Value: value, Minute: m[1], Events: uint64(m[2]), Bad: uint64(m[3])})
		}
	}
	for _, c := range in.Culprits {
		measure, value, err := of(int64(c.Series))
		if err != nil {
			return err
		}
		who := sli.Culprit{Service: c.Service, Operation: c.Operation, ErrorType: c.ErrorType}
		for _, v := range c.Values {
			who.Values += v + "\x00"
		}
		if size := len(who.Service) + len(who.Operation) + len(who.ErrorType) + len(who.Values); size > 4*maxText || c.Bad > 1<<53 {
			return fmt.Errorf("a culprit of %d bytes with %d bad events", size, c.Bad)
		}
		if measure >= 0 {
			p.culprits = append(p.culprits, sli.CulpritCount{Measure: measure, Value: value, Day: c.Day, Culprit: who, Bad: c.Bad})
		}
	}
	for _, b := range in.Bad {
		measure, value, err := of(int64(b.Series))
		if err != nil {
			return err
		}
		e := sli.BadEvent{Measure: measure, Value: value, End: b.End, Duration: b.Duration, Service: b.Service, Operation: b.Operation, ErrorType: b.ErrorType}
		if err := b.ids(&e); err != nil || b.End < 0 || b.Duration < 0 || len(b.Service)+len(b.Operation)+len(b.ErrorType) > 3*maxText {
			return fmt.Errorf("a bad event that is none: %w", err)
		}
		if measure >= 0 {
			p.bad = append(p.bad, e)
		}
	}
	return nil
}

// ids reads the ids of a bad event.
func (b *PartBadEvent) ids(e *sli.BadEvent) (err error) {
	if len(b.TraceID) != 2*len(e.TraceID) || len(b.SpanID) != 16 {
		return fmt.Errorf("ids of %d and %d digits", len(b.TraceID), len(b.SpanID))
	}
	if _, err = hex.Decode(e.TraceID[:], []byte(b.TraceID)); err != nil {
		return err
	}
	e.SpanID, err = strconv.ParseUint(b.SpanID, 16, 64)
	return err
}

// Complete returns the time before which all that is stored is counted by the
// part, zero for none.
func (h PartHead) Complete() time.Time {
	if h.Watermark <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(h.Watermark)
}

// SameMeasures tells whether both heads judge since the same minutes.
func (h PartHead) SameMeasures(o PartHead) bool {
	text := func(h PartHead) string {
		var b strings.Builder
		for _, m := range h.Measures {
			fmt.Fprintf(&b, "%q %q %d %v\n", m.Name, m.Fingerprint, m.Born, m.Holes)
		}
		return b.String()
	}
	return text(h) == text(o)
}
