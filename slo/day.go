package slo

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/traceslo/traceslo/internal/state"
)

// The ledger's records of one day of UTC lie in a bucket of their own, so that
// retention drops a bucket and never walks. A key is a part of the day, which
// is an hour or what follows here, and a series: what is written in one step,
// the running hour of all series, lies side by side.
const (
	dayPrefix = "slo/day/"
	// partTotal is the count of the whole day.
	partTotal = 24
	// partCulprits is where the day's bad events came from.
	partCulprits = 25
)

// days gives access to the ledger's records within one transaction.
type days struct {
	tx *state.Tx
	// open are the buckets used so far, existing those that there are.
	open     map[int64]*state.Bucket
	existing map[int64]bool
	buffer   []byte
}

func openDays(tx *state.Tx) (*days, error) {
	d := &days{tx: tx, open: map[int64]*state.Bucket{}, existing: map[int64]bool{}}
	for _, name := range tx.Buckets(dayPrefix) {
		day, err := strconv.ParseInt(strings.TrimPrefix(name, dayPrefix), 10, 64)
		if err != nil {
			return nil, fmt.Errorf("bucket %q: %w", name, errLedger)
		}
		d.existing[day] = true
	}
	return d, nil
}

func dayBucket(day int64) string { return fmt.Sprintf("%s%05d", dayPrefix, day) }

// bucket returns the bucket of a day, nil if there is none and none is to be made.
func (d *days) bucket(day int64, create bool) *state.Bucket {
	if b := d.open[day]; b != nil {
		return b
	}
	if !create && !d.existing[day] {
		return nil
	}
	b := d.tx.Bucket(dayBucket(day))
	d.open[day], d.existing[day] = b, true
	return b
}

func dayKey(part int, series uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte{byte(part)}, series)
}

func (d *days) get(day int64, part int, series uint32) []byte {
	b := d.bucket(day, false)
	if b == nil {
		return nil
	}
	return b.Get(dayKey(part, series))
}

func (d *days) put(day int64, part int, series uint32, value []byte) error {
	return d.bucket(day, true).Put(dayKey(part, series), value)
}

// hour reads one hour of a series, counted in hours since the Unix epoch, into c.
func (d *days) hour(series uint32, hour int64, c *chunk) error {
	if err := c.decode(d.get(hour/24, int(hour%24), series)); err != nil {
		return fmt.Errorf("%q: hour %d of series %d: %w", dayBucket(hour/24), hour%24, series, err)
	}
	return nil
}

func (d *days) putHour(series uint32, hour int64, c *chunk) error {
	d.buffer = c.append(d.buffer[:0])
	return d.put(hour/24, int(hour%24), series, d.buffer)
}

// total returns the count of a day of a series.
func (d *days) total(series uint32, day int64) (c Count, err error) {
	if err := c.decode(d.get(day, partTotal, series)); err != nil {
		return c, fmt.Errorf("%q: total of series %d: %w", dayBucket(day), series, err)
	}
	return c, nil
}

func (d *days) putTotal(series uint32, day int64, c Count) error {
	d.buffer = c.append(d.buffer[:0])
	return d.put(day, partTotal, series, d.buffer)
}

// drop removes all days before first and tells whether there were any.
func (d *days) drop(first int64) (dropped bool, err error) {
	for day := range d.existing {
		if day < first {
			if err := d.tx.Drop(dayBucket(day)); err != nil {
				return dropped, err
			}
			delete(d.existing, day)
			delete(d.open, day)
			dropped = true
		}
	}
	return dropped, nil
}

// sum returns the count of the minutes in [from, to) of a series that are not
// in excluded, which is a union.
func (d *days) sum(series uint32, from, to int64, excluded []minuteRange) (Count, error) {
	var sum Count
	var c chunk
	for m := from; m < to; {
		if m%1440 == 0 && m+1440 <= to && (!d.existing[m/1440] || overlapping(excluded, m, m+1440) == 0) {
			total, err := d.total(series, m/1440)
			if err != nil {
				return Count{}, err
			}
			sum.add(total)
			m += 1440
			continue
		}
		if err := d.hour(series, m/60, &c); err != nil {
			return Count{}, err
		}
		for end := min(to, (m/60+1)*60); m < end; m++ {
			if n := c[m%60]; n.Events > 0 && !contains(excluded, m) {
				sum.add(n)
			}
		}
	}
	return sum, nil
}

// culprits returns the culprits of a day of a series.
func (d *days) culprits(series uint32, day int64) (c Culprits, err error) {
	if text := d.get(day, partCulprits, series); text != nil {
		if err := json.Unmarshal(text, &c); err != nil {
			return c, fmt.Errorf("%q: culprits of series %d: %w", dayBucket(day), series, err)
		}
	}
	return c, nil
}

func (d *days) putCulprits(series uint32, day int64, c Culprits) error {
	c.sort()
	text, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return d.put(day, partCulprits, series, text)
}
