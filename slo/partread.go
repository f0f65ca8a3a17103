package slo

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"slices"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/sli"
)

// maxLine is how many minutes of series a line of WritePart has at most, unless
// it is one series alone that has more in a day.
const maxLine = 20_000

// WritePart writes all that the ledger has of the configured objectives, as tx,
// which is of its state file, has it: lines of JSON, of which the first is a
// PartHead, the last is "end", and those between are Increments, each of some
// series of one day. It may be called at any time by any goroutine.
func (l *Ledger) WritePart(tx *state.Tx, w io.Writer) error {
	lines := json.NewEncoder(w)
	head, err := l.Head(tx)
	if err != nil {
		return err
	}
	if err := lines.Encode(head); err != nil {
		return err
	}
	d, err := openDays(tx)
	if err != nil {
		return err
	}
	all, err := l.seriesIn(tx)
	if err != nil {
		return err
	}
	days := make([]int64, 0, len(d.existing))
	for day := range d.existing {
		days = append(days, day)
	}
	slices.Sort(days)
	for _, day := range days {
		var line Increment
		for i := range all {
			if err := line.addDay(d, &all[i], day); err != nil {
				return err
			}
			if len(line.Minutes) >= maxLine || i == len(all)-1 && len(line.Minutes) > 0 {
				if err := lines.Encode(line); err != nil {
					return err
				}
				line = Increment{}
			}
		}
	}
	return lines.Encode("end")
}

// A partSeries is a series that is told of.
type partSeries struct {
	id   uint32
	name [3]string
	bad  []sli.BadEvent
}

// seriesIn returns the series of the configured objectives and that of the platform.
func (l *Ledger) seriesIn(tx *state.Tx) ([]partSeries, error) {
	configured := map[string]bool{}
	for _, o := range l.objectives {
		configured[(&measure{Name: o.Name, Fingerprint: o.Fingerprint()}).key()] = true
	}
	all := []partSeries{{id: platformSeries}}
	err := tx.Bucket(seriesBucket).ForEach(func(key, value []byte) error {
		var r seriesRecord
		if err := readJSON(seriesBucket, key, value, &r); err != nil {
			return err
		}
		if len(key) != 4 || !configured[(&measure{Name: r.Name, Fingerprint: r.Fingerprint}).key()] {
			return nil
		}
		s := partSeries{id: binary.BigEndian.Uint32(key), name: [3]string{r.Name, r.Fingerprint, r.Value}}
		var err error
		s.bad, err = readBad(tx.Bucket(badBucket), s.id)
		all = append(all, s)
		return err
	})
	return all, err
}

// addDay adds a day of a series, if it has any event.
func (i *Increment) addDay(d *days, s *partSeries, day int64) error {
	total, err := d.total(s.id, day)
	if err != nil || total.Events == 0 {
		return err
	}
	place := len(i.Series)
	i.Series = append(i.Series, s.name)
	var c chunk
	for hour := day * 24; hour < (day+1)*24; hour++ {
		if err := d.hour(s.id, hour, &c); err != nil {
			return err
		}
		for m, n := range c {
			if n.Events > 0 {
				i.Minutes = append(i.Minutes, [4]int64{int64(place), hour*60 + int64(m), int64(n.Events), int64(n.Bad)})
			}
		}
	}
	culprits, err := d.culprits(s.id, day)
	if err != nil {
		return err
	}
	for _, c := range culprits.Top {
		i.Culprits = append(i.Culprits, PartCulprit{place, day, c})
	}
	if culprits.Rest > 0 {
		i.Culprits = append(i.Culprits, PartCulprit{place, day, CulpritCount{Bad: culprits.Rest}})
	}
	for j := range s.bad {
		if e := &s.bad[j]; e.End/minuteMicros/1440 == day {
			i.Bad = append(i.Bad, partBad(place, e))
		}
	}
	return nil
}
