package slo

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

// Judged is what was judged since the last commit: an *sli.Recorder after its
// Counts. Both may yield the same thing several times, and yield the same each
// time that they are asked.
type Judged interface {
	Minutes() iter.Seq[sli.MinuteCount]
	Culprits() iter.Seq[sli.CulpritCount]
	BadEvents() iter.Seq[sli.BadEvent]
}

// maxAhead is by how many minutes an event may end in the future, as clocks of
// services go wrong. It has its place and counts when its time has come.
const maxAhead = 60

// pending is what a Save worked out and a Publish will make visible.
type pending struct {
	meta      meta
	alive     *minuteSet // nil if it did not change
	standings map[*series]*standing
	// upto is the time up to which all is known, zero if that did not change.
	upto time.Time
	// forgotten are the series of which nothing is kept any more.
	forgotten []*series
	sign      int64
	out       []outEntry
}

// saving is one Save.
type saving struct {
	*Ledger
	next *pending
	days *days
	step source.Step
	// now is the minute of the step, and oldest the first that is kept.
	now, oldest int64
	// cells are the events by series and minute, before they are written.
	cells map[cell]Count
	// culprits are the bad events by series, day and culprit.
	culprits map[seriesDay]map[sli.Culprit]uint64
	// bad are the bad events by series.
	bad map[uint32][]sli.BadEvent
	// takes are the series that take the events of this step.
	takes map[seriesName]*series
	// silent holds if a time without spans has ended with this step.
	silent bool
}

// A seriesName is a place in the objectives and a value.
type seriesName struct {
	measure int
	value   string
}

type cell struct {
	series uint32
	minute int64
}

type seriesDay struct {
	series uint32
	day    int64
}

func compareDays(a, b seriesDay) int {
	return cmp.Or(cmp.Compare(a.day, b.day), cmp.Compare(a.series, b.series))
}

// Save adds what was judged to the minutes, moves the clock and all that
// follows from it, and writes what changed in tx.
func (l *Ledger) Save(tx *state.Tx, step source.Step, judged Judged) error {
	d, err := openDays(tx)
	if err != nil {
		return err
	}
	s := &saving{Ledger: l, days: d, step: step, cells: map[cell]Count{}, culprits: map[seriesDay]map[sli.Culprit]uint64{}, bad: map[uint32][]sli.BadEvent{}, takes: map[seriesName]*series{},
		next: &pending{meta: l.meta, standings: map[*series]*standing{}}}
	s.next.meta.Gaps, s.next.meta.Quiet = slices.Clone(l.meta.Gaps), slices.Clone(l.meta.Quiet)
	s.next.sign, s.next.out = l.sign, l.out
	s.now = floorMinute(step.Now)
	// By the clock too: the machine's time may be ahead of it, and wrong.
	if s.oldest = s.now - s.retention; l.meta.Clock > 0 {
		s.oldest = min(s.oldest, l.meta.Clock-s.retention)
	}
	s.collect(judged)
	s.collectBad(judged)
	if err := s.writeMinutes(); err != nil {
		return err
	}
	if err := s.writeCulprits(); err != nil {
		return err
	}
	if err := s.writeBad(tx); err != nil {
		return err
	}
	if err := s.moveClock(); err != nil {
		return err
	}
	if err := s.write(tx); err != nil {
		return err
	}
	l.pending = s.next
	return nil
}

// collect adds up what was judged, and leaves out what has no place.
func (s *saving) collect(judged Judged) {
	alive := s.alive
	for n := range judged.Minutes() {
		switch {
		case n.Minute > s.now+maxAhead:
			if n.Measure == sli.Platform {
				s.next.meta.Unplaced.Future += n.Events
			}
			continue
		case n.Minute < s.oldest || n.Minute < 0:
			if n.Measure == sli.Platform {
				s.next.meta.Unplaced.Retention += n.Events
			}
			continue
		}
		id := uint32(platformSeries)
		if n.Measure != sli.Platform {
			id = s.seriesOf(n.Measure, n.Value).id
		} else {
			// A sender whose clock is ahead is alive now, not in an hour.
			n.Minute = min(n.Minute, s.now)
			if !alive.has(n.Minute) {
				if s.next.alive == nil {
					s.next.alive = alive.clone()
					alive = s.next.alive
				}
				alive.add(n.Minute, n.Minute+1)
			}
		}
		key := cell{id, n.Minute}
		c := s.cells[key]
		c.add(Count{n.Events, n.Bad})
		s.cells[key] = c
	}
	placed := map[seriesDay]bool{}
	for c, n := range s.cells {
		if n.Bad > 0 {
			placed[seriesDay{c.series, c.minute / 1440}] = true
		}
	}
	for n := range judged.Culprits() {
		of := s.takes[seriesName{n.Measure, n.Value}]
		if of == nil || !placed[seriesDay{of.id, n.Day}] {
			continue // of events that have no minute
		}
		key := seriesDay{of.id, n.Day}
		if s.culprits[key] == nil {
			s.culprits[key] = map[sli.Culprit]uint64{}
		}
		s.culprits[key][n.Culprit] += n.Bad
	}
}

// standing returns how a series will stand, to be changed.
func (s *saving) standing(of *series) *standing {
	to := s.next.standings[of]
	if to == nil {
		to = of.standing.clone()
		s.next.standings[of] = to
	}
	return to
}

// writeMinutes adds the cells to the minutes and days on disk, and to the
// windows as of the clock before this step.
func (s *saving) writeMinutes() error {
	order := slices.SortedFunc(maps.Keys(s.cells), func(a, b cell) int {
		return cmp.Or(cmp.Compare(a.minute/60, b.minute/60), cmp.Compare(a.series, b.series), cmp.Compare(a.minute, b.minute))
	})
	totals := map[seriesDay]Count{}
	var c chunk
	for len(order) > 0 {
		id, hour := order[0].series, order[0].minute/60
		if err := s.days.hour(id, hour, &c); err != nil {
			return err
		}
		total := totals[seriesDay{id, hour / 24}]
		for len(order) > 0 && order[0].series == id && order[0].minute/60 == hour {
			n := s.cells[order[0]]
			c[order[0].minute%60].add(n)
			total.add(n)
			s.count(id, order[0].minute, n)
			order = order[1:]
		}
		totals[seriesDay{id, hour / 24}] = total
		if err := s.days.putHour(id, hour, &c); err != nil {
			return err
		}
	}
	// In the order of the keys, as the state file likes it.
	for _, key := range slices.SortedFunc(maps.Keys(totals), compareDays) {
		n := totals[key]
		total, err := s.days.total(key.series, key.day)
		if err != nil {
			return err
		}
		total.add(n)
		if err := s.days.putTotal(key.series, key.day, total); err != nil {
			return err
		}
	}
	return nil
}

// count adds events of a minute to the standing of their series.
func (s *saving) count(id uint32, minute int64, n Count) {
	of := s.byID[id]
	if of == nil {
		return // the platform has no objective
	}
	to := s.standing(of)
	to.total.add(n)
	to.last = max(to.last, minute)
	if to.alive != nil && !to.alive.has(minute) {
		if to.alive == of.standing.alive {
			to.alive = to.alive.clone()
		}
		to.alive.add(minute, minute+1)
	}
	if s.next.meta.Clock > 0 {
		s.late(of, to, s.next.meta.Clock, minute, n)
	}
}

func (s *saving) writeCulprits() error {
	for _, key := range slices.SortedFunc(maps.Keys(s.culprits), compareDays) {
		bad := s.culprits[key]
		c, err := s.days.culprits(key.series, key.day)
		if err != nil {
			return err
		}
		for _, who := range slices.SortedFunc(maps.Keys(bad), compareCulprits) {
			c.add(who, bad[who])
		}
		if err := s.days.putCulprits(key.series, key.day, c); err != nil {
			return err
		}
	}
	return nil
}

// write writes what is not counts, and drops what is too old.
func (s *saving) write(tx *state.Tx) error {
	for _, key := range slices.Sorted(maps.Keys(s.dirty)) {
		if err := putJSON(tx.Bucket(measuresBucket), []byte(key), s.dirty[key]); err != nil {
			return err
		}
	}
	for _, n := range s.unwritten {
		r := seriesRecord{Name: n.measure.Name, Fingerprint: n.measure.Fingerprint, Value: n.value}
		if !n.created.IsZero() {
			r.Created = n.created.UnixMilli()
		}
		if err := putJSON(tx.Bucket(seriesBucket), idKey(n.id), r); err != nil {
			return err
		}
	}
	totals := tx.Bucket(totalsBucket)
	for _, of := range slices.SortedFunc(maps.Keys(s.next.standings), func(a, b *series) int { return cmp.Compare(a.id, b.id) }) {
		s.days.buffer = s.next.standings[of].append(s.days.buffer[:0])
		if err := totals.Put(idKey(of.id), s.days.buffer); err != nil {
			return err
		}
	}
	old := func(r minuteRange) bool { return r.To <= s.oldest }
	s.next.meta.Gaps, s.next.meta.Quiet = slices.DeleteFunc(s.next.meta.Gaps, old), slices.DeleteFunc(s.next.meta.Quiet, old)
	if s.shared {
		if err := s.writeIncrement(tx); err != nil {
			return err
		}
	}
	if err := putJSON(tx.Bucket(ledgerBucket), metaKey, s.next.meta); err != nil {
		return err
	}
	first := s.oldest / 1440
	dropped, err := s.days.drop(first)
	if err != nil || !dropped {
		return err
	}
	if err := dropBad(tx, first*1440); err != nil {
		return err
	}
	return s.forget(tx, first*1440)
}

// forget removes the series of values, and of measures that ended, of which
// nothing is kept any more.
func (s *saving) forget(tx *state.Tx, oldest int64) error {
	for id, of := range s.byID {
		if of.objective != nil && of.value == "" || of.standing.last >= oldest || s.next.standings[of] != nil && s.next.standings[of].last >= oldest {
			continue
		}
		if err := tx.Bucket(seriesBucket).Delete(idKey(id)); err != nil {
			return err
		}
		if err := tx.Bucket(totalsBucket).Delete(idKey(id)); err != nil {
			return err
		}
		if err := tx.Bucket(badBucket).Delete(idKey(id)); err != nil {
			return err
		}
		s.next.forgotten = append(s.next.forgotten, of)
	}
	return nil
}

// Publish makes what the last Save saved visible. It is called once the
// transaction of that Save is committed, and only then.
func (l *Ledger) Publish() {
	p := l.pending
	l.meta, l.sign, l.out = p.meta, p.sign, p.out
	if p.alive != nil {
		p.alive.drop(l.meta.Clock - l.retention - 2*1440)
		l.alive = p.alive
	}
	for of, to := range p.standings {
		of.standing = to
	}
	for _, of := range p.forgotten {
		delete(l.byID, of.id)
		delete(l.series, seriesKey{of.measure.key(), of.value})
	}
	l.pending, l.unwritten = nil, nil
	clear(l.dirty)
	l.publish(p.upto)
}
