package sli

import (
	"iter"
	"math"
)

// A MinuteCount is how many events of a measure ended within one minute.
type MinuteCount struct {
	// Measure is the place in the measures, or Platform.
	Measure int
	// Value is the value that ForEach has, bounded as the labels are; "" without.
	Value string
	// Minute is when the spans ended, in minutes since the Unix epoch.
	Minute int64
	// Events is how many there were, Bad how many of these were not good.
	Events, Bad uint64
}

// Minutes yields the events that were counted since the last Publish or
// Discard, in no order: each measure, value and minute at most once a worker, so
// that equal ones are to be added up. A span that ended later than int64 has
// microseconds ended in the last of them. Like Save, it is called by one
// goroutine, while no Count runs, and may be called again.
func (r *Recorder) Minutes() iter.Seq[MinuteCount] {
	return func(yield func(MinuteCount) bool) {
		for _, t := range r.tallies {
			t.minutes.settle()
			for key, n := range t.minutes.settled {
				if !yield(MinuteCount{key.series.judge.measure, key.series.value, key.minute, uint64(n.events), uint64(n.bad)}) {
					return
				}
			}
		}
	}
}

// minuteMicros is a minute in the unit of spans.
const minuteMicros = 60_000_000

// A minutes is the part of a tally that counts events by series and minute. A
// series counts in one minute at a time, which costs next to nothing; when
// another comes, what it has is settled.
type minutes struct {
	// present has what each series counts now, by its slot, and counting those
	// that count something there.
	present  []present
	counting []*series
	// settled is the rest.
	settled map[seriesMinute]eventCount
	// minute and from are the minute of the last span and when it began.
	minute, from int64
}

type present struct {
	minute int64
	eventCount
}

// eventCount has 32 bits: a worker counts fewer spans in a step.
type eventCount struct{ events, bad uint32 }

type seriesMinute struct {
	series *series
	minute int64
}

// noMinute is no span's.
const noMinute = math.MinInt64

// minuteOf returns the minute of a time in microseconds, rounded down.
func (m *minutes) minuteOf(end int64) int64 {
	if end < 0 {
		return (end+1)/minuteMicros - 1
	}
	if end < m.from || end-m.from >= minuteMicros {
		m.minute = end / minuteMicros
		m.from = m.minute * minuteMicros
	}
	return m.minute
}

// add counts events of s.
func (m *minutes) add(s *series, minute int64, events, bad uint32) {
	if int(s.slot) >= len(m.present) {
		m.grow(s)
	}
	p := &m.present[s.slot]
	if p.minute != minute {
		m.turn(s, p, minute)
	}
	p.events += events
	p.bad += bad
}

func (m *minutes) grow(s *series) {
	for int(s.slot) >= len(m.present) {
		m.present = append(m.present, present{minute: noMinute})
	}
}

// turn makes minute the one that s counts in.
func (m *minutes) turn(s *series, p *present, minute int64) {
	if p.minute == noMinute {
		m.counting = append(m.counting, s)
	} else {
		m.put(s, p)
	}
	*p = present{minute: minute}
}

// put adds what s counts now to what is settled.
func (m *minutes) put(s *series, p *present) {
	key := seriesMinute{s, p.minute}
	n := m.settled[key]
	n.events += p.events
	n.bad += p.bad
	m.settled[key] = n
}

// settle settles all.
func (m *minutes) settle() {
	for _, s := range m.counting {
		p := &m.present[s.slot]
		m.put(s, p)
		*p = present{minute: noMinute}
	}
	clear(m.counting)
	m.counting = m.counting[:0]
}

// keptKeys is how many keys a map may have had for its memory to be kept for
// the next step.
const keptKeys = 1 << 16

func (m *minutes) empty() {
	for _, s := range m.counting {
		m.present[s.slot] = present{minute: noMinute}
	}
	clear(m.counting)
	m.counting = m.counting[:0]
	m.settled = emptied(m.settled)
}

// emptied returns an empty map, m itself unless it was large.
func emptied[K comparable, V any](m map[K]V) map[K]V {
	if len(m) > keptKeys {
		return map[K]V{}
	}
	clear(m)
	return m
}
