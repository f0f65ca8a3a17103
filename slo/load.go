package slo

import (
	"bytes"
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
	if err := l.loadMeta(tx); err != nil {
		return err
	}
	if err := tx.Bucket(measuresBucket).ForEach(func(key, value []byte) error {
		m := &measure{}
		known[string(key)] = m
		return readJSON(measuresBucket, key, value, m)
	}); err != nil {
		return err
	}
	next := l.meta.Clock + 1
	if l.meta.Clock == 0 {
		next = floorMinute(now) + 1
	}
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
	if err := l.loadStandings(tx); err != nil {
		return err
	}
	upto := now
	if l.meta.Clock > 0 {
		upto = time.Unix((l.meta.Clock+1)*60, 0)
	}
	l.publish(upto)
	return nil
}

func (l *Ledger) loadMeta(tx *state.Tx) error {
	text := bytes.Clone(tx.Bucket(ledgerBucket).Get(metaKey))
	if text == nil {
		return nil
	}
	if err := json.Unmarshal(text, &l.meta); err != nil {
		return fmt.Errorf("read %q: %w", ledgerBucket, err)
	}
	if l.meta.Format != ledgerFormat {
		return fmt.Errorf("read %q: format %d is not known, only %d; run the version that wrote the state, or begin with an empty one", ledgerBucket, l.meta.Format, ledgerFormat)
	}
	l.fresh = false
	return nil
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
		m.Ended = next
		l.dirty[key] = m
		restarted := false
		for _, o := range l.objectives {
			restarted = restarted || o.Name == m.Name
		}
		if restarted {
			l.restarts++
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
func (l *Ledger) loadStandings(tx *state.Tx) error {
	d, err := openDays(tx)
	if err != nil {
		return err
	}
	if l.alive, err = d.alive(platformSeries, 0); err != nil {
		return err
	}
	unmeasured := l.unmeasured(l.meta, l.alive)
	for _, s := range l.byID {
		if s.objective == nil {
			continue
		}
		s.standing.windows = make([]Count, len(s.objective.windows))
		if l.meta.Clock == 0 {
			continue
		}
		if s.objective.ExpectsTraffic && l.silence > 0 {
			first := s.objective.first(s.objective.windows[s.objective.own], l.meta.Clock)
			if s.standing.alive, err = d.alive(s.id, first-1440); err != nil {
				return err
			}
		}
		if err := l.recompute(d, s, s.standing, l.meta.Clock); err != nil {
			return err
		}
		l.cover(s, s.standing, l.meta.Clock, unmeasured)
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
