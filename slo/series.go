package slo

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/traceslo/traceslo/internal/state"
)

// The buckets of the state file that belong to the ledger, besides one a day.
const (
	ledgerBucket   = "slo/meta"
	measuresBucket = "slo/measures"
	seriesBucket   = "slo/series"
	totalsBucket   = "slo/totals"
)

var metaKey = []byte("meta")

// A measure is what an objective is judged by: its name, and the fingerprint of
// its indicator. Another threshold is another measure.
type measure struct {
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint"`
	// Born is the first minute that was judged by it; 0 for the beginning.
	Born int64 `json:"born"`
	// Ended is the minute after the last, 0 while the configuration has it.
	Ended int64 `json:"ended,omitempty"`
	// Holes are the minutes in which the configuration did not have it.
	Holes []minuteRange `json:"holes,omitempty"`
}

func (m *measure) key() string { return m.Name + "/" + m.Fingerprint }

// A seriesKey names a series: a measure, and a value if there is one for each.
type seriesKey struct{ measure, value string }

// A series is the events of one measure, for one value.
type series struct {
	id      uint32
	measure *measure
	// objective is nil if the configuration has none of this measure any more.
	objective *objective
	value     string
	// created is when the first event made it; it is zero if it is there
	// from the start.
	created time.Time
	// visible holds if the series was shown at the last Publish, or has got its
	// place since.
	visible bool
	// standing is what was published last. It is never changed.
	standing *standing
}

// platformSeries is the series of all spans that were counted.
const platformSeries = 0

// seriesRecord is what the state file holds of a series.
type seriesRecord struct {
	Name        string `json:"name"`
	Fingerprint string `json:"fingerprint"`
	Value       string `json:"value,omitempty"`
	// Created is in milliseconds since the Unix epoch.
	Created int64 `json:"created_ms,omitempty"`
}

// A standing is how a series stands after a commit.
type standing struct {
	// total counts its events in order of arrival, late ones when they came.
	total Count
	// last is the latest minute with an event.
	last int64
	// windows are the counts of the objective's windows at the clock.
	windows []Count
	// measured and elapsed are how many minutes of the objective's own window
	// were measured, and how many there were, excluded ones left out of both.
	measured, elapsed int64
	// alive are the minutes with events, if the objective expects traffic.
	alive *minuteSet
}

func (s *standing) clone() *standing {
	c := *s
	c.windows = append([]Count(nil), s.windows...)
	return &c
}

// SeriesLabels returns the labels slo and service of the objective's series for
// a value of ForEach, "" for an objective without.
func (o *Objective) SeriesLabels(value string) (slo, service string) {
	switch o.ForEach {
	case "":
		return o.Name, o.Service
	case forEachService:
		return o.Name, value
	}
	return o.Name + "/" + value, o.Service
}

// shown holds if the series of a value has had events not long before the clock.
func (s *series) shown(clock int64) bool {
	if s.objective.ForEach == "" {
		return true
	}
	o := s.objective
	keep := max(clock-o.first(o.windows[o.own], clock), 7*1440)
	return s.standing.last >= clock-keep
}

func idKey(id uint32) []byte { return binary.BigEndian.AppendUint32(nil, id) }

// append appends the durable part of the standing to b.
func (s *standing) append(b []byte) []byte {
	return binary.AppendVarint(s.total.append(b), s.last)
}

func (s *standing) decode(b []byte) error {
	if b == nil {
		return nil
	}
	r := reader{rest: b}
	s.total = Count{r.uvarint(), r.uvarint()}
	s.last = r.varint()
	if r.broken || len(r.rest) > 0 {
		return errLedger
	}
	return nil
}

func putJSON(b *state.Bucket, key []byte, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return b.Put(key, text)
}

func readJSON(bucket string, key, text []byte, value any) error {
	if err := json.Unmarshal(text, value); err != nil {
		return fmt.Errorf("%q: %q: %w", bucket, key, err)
	}
	return nil
}
