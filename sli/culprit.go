package sli

import (
	"iter"
	"strings"
)

// A CulpritCount is how many bad events of a measure one operation had in a day.
type CulpritCount struct {
	// Measure and Value are as MinuteCount has them.
	Measure int
	Value   string
	// Day is when the spans ended, in days of UTC since the Unix epoch.
	Day     int64
	Culprit Culprit
	Bad     uint64
}

// A Culprit is what bad events have in common: labels as the jaeger_* series have them, bounded.
type Culprit struct {
	Service, Operation string
	// ErrorType is "" for a bad event whose span did not fail.
	ErrorType string
	// Values are those of the dimensions of Config, in order, each ended by a
	// zero byte. One that is in a value is replaced by U+FFFD.
	Values string
}

// maxCulprits is how many culprits a worker tells apart in a step. Those above
// are counted by service alone.
const maxCulprits = 10_000

// Culprits yields the bad events that were counted since the last Publish or
// Discard, in no order. One measure, value, day and culprit may come several
// times, which are to be added up. Of each measure and value, they are in sum
// as many as Minutes has. If a worker met more than 10,000 of them, the further
// ones have "_other" for all but the service. It is called as Minutes is.
func (r *Recorder) Culprits() iter.Seq[CulpritCount] {
	return func(yield func(CulpritCount) bool) {
		rest := strings.Repeat(other+"\x00", len(r.cfg.Dimensions))
		for _, t := range r.tallies {
			for key, place := range t.culprits.places {
				if !yield(CulpritCount{key.series.judge.measure, key.series.value, key.day, key.culprit(), uint64(t.culprits.bad[place])}) {
					return
				}
			}
			for key, n := range t.culprits.crowd {
				c := Culprit{key.service.name, other, other, rest}
				if !yield(CulpritCount{key.series.judge.measure, key.series.value, key.day, c, uint64(n)}) {
					return
				}
			}
		}
	}
}

// A culprits is the part of a tally that counts bad events by what they have in common.
type culprits struct {
	// places has where in bad a culprit's count is.
	places map[culpritKey]uint32
	bad    []uint32
	// crowd counts what places has no room for.
	crowd map[crowdKey]uint32
}

type culpritKey struct {
	series *series
	set    *set
	day    int64
	// failure is the place of the type of error, plus one; 0 for a span that did not fail.
	failure uint32
}

type crowdKey struct {
	series  *series
	service *service
	day     int64
}

// add counts bad events. failure is as culpritKey has it.
func (c *culprits) add(to *series, in *set, failure uint32, minute int64, n uint32) {
	day := minute / minutesPerDay
	if minute%minutesPerDay < 0 {
		day--
	}
	key := culpritKey{to, in, day, failure}
	place, ok := c.places[key]
	switch {
	case ok:
		c.bad[place] += n
	case len(c.bad) < maxCulprits:
		c.places[key] = uint32(len(c.bad))
		c.bad = append(c.bad, n)
	default:
		c.crowd[crowdKey{to, in.operation.service, day}] += n
	}
}

const minutesPerDay = 24 * 60

func (c *culprits) empty() {
	clear(c.places)
	c.bad = c.bad[:0]
	c.crowd = emptied(c.crowd)
}

// culprit returns what the key stands for.
func (k culpritKey) culprit() Culprit {
	svc := k.set.operation.service
	c := Culprit{Service: svc.name, Operation: k.set.operation.name}
	if k.failure > 0 {
		c.ErrorType = svc.names[k.failure-1]
	}
	for _, v := range k.set.values {
		c.Values += strings.ReplaceAll(v, "\x00", "\ufffd") + "\x00"
	}
	return c
}
