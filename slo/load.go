package slo

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/traceslo/traceslo/internal/state"
)

// Load fills a new Ledger from the state file and applies what the
// configuration changed since: an objective that is judged in another way
// begins a new series, one that is no longer there ends, one that is there
// again goes on with a hole. It only reads; the next Save writes what changed.
// fresh holds if nothing was ever read into this state, so that all that will be
// read is judged. now is this machine's time.
func (l *Ledger) Load(tx *state.Tx, now time.Time, fresh bool) error {
	known := map[string]*measure{}
	if err := l.loadMeta(tx, now); err != nil {
		return err
	}
	if err := tx.Bucket(measuresBucket).ForEach(func(key, value []byte) error {
		m := &measure{}
		known[string(key)] = m
		return readJSON(measuresBucket, key, value, m)
	}); err != nil {
		return err
	}
	d, err := openDays(tx)
	if err != nil {
		return err
	}
	if l.alive, err = d.alive(platformSeries, 0); err != nil {
		return err
	}
	next := l.next(floorMinute(now))
	if l.fresh && !fresh {
		l.meta.Since = next
	}
	l.matchMeasures(known, next, fresh)
	if err := l.loadSeries(tx, known); err != nil {
		return err
	}
	for _, o := range l.objectives {
		if key := (seriesKey{o.measure.key(), ""}); o.ForEach == "" && l.series[key] == nil {
			l.admit(key, o, time.Time{})
		}
	}
	if err := l.loadStandings(d); err != nil {
		return err
	}
	if l.shared {
		if err := l.loadOut(tx); err != nil {
			return err
		}
	}
	upto := now
	if l.meta.Clock > 0 {
		upto = time.Unix((l.meta.Clock+1)*60, 0)
	}
	l.publish(upto)
	return nil
}

// next returns the first minute that nothing of was judged yet: the clock may
// stand still while what is newer is read.
func (l *Ledger) next(now int64) int64 {
	if l.meta.Clock == 0 {
		return now + 1
	}
	newest, _ := l.alive.before(now + 1)
	return max(l.meta.Clock, newest) + 1
}

func (l *Ledger) loadMeta(tx *state.Tx, now time.Time) error {
	hold := l.hold.Milliseconds()
	found, err := readMeta(tx, &l.meta)
	if err != nil {
		return err
	}
	if l.fresh = !found; found && hold > l.meta.Hold {
		l.shownUpto.Store(now.UnixMilli() - l.meta.Hold)
	}
	l.meta.Hold = hold
	return nil
}

// readMeta reads the ledger's own record, if there is one.
func readMeta(tx *state.Tx, m *meta) (found bool, err error) {
	text := tx.Bucket(ledgerBucket).Get(metaKey)
	if text == nil {
		return false, nil
	}
	if err := json.Unmarshal(text, m); err != nil {
		return false, fmt.Errorf("read %q: %w", ledgerBucket, err)
	}
	if m.Format != ledgerFormat {
		return false, fmt.Errorf("read %q: format %d is not known, only %d; run the version that wrote the state, or begin with an empty one", ledgerBucket, m.Format, ledgerFormat)
	}
	return true, nil
}

// matchMeasures finds the measure of each objective. next is the first minute
// that is judged from now on.
func (l *Ledger) matchMeasures(known map[string]*measure, next int64, fresh bool) {
	used := map[string]bool{}
	for _, o := range l.objectives {
		m := &measure{Name: o.Name, Fingerprint: o.Fingerprint()}
		key := m.key()
		used[key] = true
		before := known[key]
		switch {
		case before == nil:
			if !fresh {
				m.Born = next
			}
			known[key], l.dirty[key] = m, m
		case before.Ended > 0:
			m = before
			m.Holes = union(m.Holes, []minuteRange{{m.Ended, next}})
			m.Ended = 0
			l.dirty[key] = m
		default:
			m = before
		}
		o.measure = m
	}
	for key, m := range known {
		if used[key] || m.Ended > 0 {
			continue
		}
		// Its last minute is not surely complete.
		m.Ended = next - 1
		l.dirty[key] = m
		restarted := false
		for _, o := range l.objectives {
			restarted = restarted || o.Name == m.Name
		}
		if restarted {
			l.meta.Restarts++
			l.log.Warn().Str("slo", m.Name).Msg("the SLI changed, so the objective's ledger and counters begin anew; what was counted before stays under its old fingerprint " + m.Fingerprint)
		} else {
			l.log.Info().Str("slo", m.Name).Msg("the objective is not in the configuration any more; its ledger is kept until it is older than slo_retention")
		}
	}
}

func (l *Ledger) loadSeries(tx *state.Tx, known map[string]*measure) error {
	objectives := map[*measure]*objective{}
	for _, o := range l.objectives {
		objectives[o.measure] = o
	}
	totals := tx.Bucket(totalsBucket)
	return tx.Bucket(seriesBucket).ForEach(func(key, value []byte) error {
		var r seriesRecord
		if err := readJSON(seriesBucket, key, value, &r); err != nil {
			return err
		}
		m := known[r.Name+"/"+r.Fingerprint]
		if m == nil || len(key) != 4 {
			return fmt.Errorf("%q: key %x: %w", seriesBucket, key, errLedger)
		}
		s := &series{id: binary.BigEndian.Uint32(key), measure: m, objective: objectives[m], value: r.Value, standing: &standing{}}
		if r.Created > 0 {
			s.created = time.UnixMilli(r.Created)
		}
		if err := s.standing.decode(totals.Get(key)); err != nil {
			return fmt.Errorf("%q: key %x: %w", totalsBucket, key, err)
		}
		l.series[seriesKey{m.key(), r.Value}], l.byID[s.id] = s, s
		l.nextID = max(l.nextID, s.id+1)
		return nil
	})
}

// loadStandings works out what follows from the minutes.
func (l *Ledger) loadStandings(d *days) error {
	coverage := l.newCoverage(l.meta, l.alive)
	for _, s := range l.byID {
		if s.objective == nil {
			continue
		}
		s.standing.windows = make([]Count, len(s.objective.windows))
		if s.objective.ExpectsTraffic {
			first := s.objective.first(s.objective.windows[s.objective.own], l.meta.Clock)
			var err error
			if s.standing.alive, err = d.alive(s.id, first-l.silence-1440); err != nil {
				return err
			}
		}
		if l.meta.Clock == 0 {
			continue
		}
		if err := l.recompute(d, s, s.standing, l.meta.Clock); err != nil {
			return err
		}
		s.standing.measured, s.standing.elapsed = coverage.of(s, s.standing)
	}
	return nil
}

// admit makes a series. The next Save writes it.
func (l *Ledger) admit(key seriesKey, o *objective, created time.Time) *series {
	s := &series{id: l.nextID, measure: o.measure, objective: o, value: key.value, created: created,
		standing: &standing{windows: make([]Count, len(o.windows))}}
	l.nextID++
	if o.ExpectsTraffic {
		s.standing.alive = &minuteSet{}
	}
	l.series[key], l.byID[s.id] = s, s
	l.unwritten = append(l.unwritten, s)
	return s
}
