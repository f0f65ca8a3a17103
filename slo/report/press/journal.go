package press

import (
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/traceslo/traceslo/internal/state"
)

// journalBucket holds what was printed of each report, by its name.
const journalBucket = "report/press"

// A record is what the state file holds of a report. Times are in milliseconds
// since the Unix epoch.
type record struct {
	// Schedule is the schedule and the zone that From is of.
	Schedule string `json:"schedule"`
	// From is the time after which runs are to be printed: that of the run that
	// was printed last, or when the report was first seen.
	From int64 `json:"from_ms"`
	// Printed is when a run was printed last, 0 for never.
	Printed int64 `json:"printed_ms,omitempty"`
	// Waited is how long a run has waited for the ledger that is not printed yet.
	Waited int64 `json:"waited_ms,omitempty"`
	// Deliveries are the runs that are still to be sent, oldest first.
	Deliveries []delivery `json:"deliveries,omitempty"`
}

// A delivery is a run that is to be sent.
type delivery struct {
	// Run is the run's name, by which the receiver can tell that it comes again.
	Run string `json:"run"`
	// Folder is where it was printed into, "" for the folder that is configured. File
	// is what is sent from there, Period what it is about.
	Folder string `json:"folder,omitempty"`
	File   string `json:"file"`
	Type   string `json:"type"`
	Period string `json:"period"`
	// Attempts is how often sending was begun, Next when it is tried again.
	Attempts int   `json:"attempts"`
	Next     int64 `json:"next_ms"`
}

func (r *record) from() time.Time { return time.UnixMilli(r.From) }

func (r *record) waited() time.Duration { return time.Duration(r.Waited) * time.Millisecond }

// clone returns a copy that shares nothing with r.
func (r *record) clone() *record {
	c := *r
	c.Deliveries = slices.Clone(r.Deliveries)
	return &c
}

// readRecords returns the records of all reports by their names.
func readRecords(tx *state.Tx) (map[string]*record, error) {
	records := map[string]*record{}
	err := tx.Bucket(journalBucket).ForEach(func(key, value []byte) error {
		r := &record{}
		records[string(key)] = r
		if err := json.Unmarshal(value, r); err != nil {
			return fmt.Errorf("%q: what was printed of %q: %w", journalBucket, key, err)
		}
		return nil
	})
	return records, err
}

// open reads the journal, at the first step: reports that are new, or have another
// schedule, begin now, and of those that are no longer configured nothing is kept.
func (p *Press) open(now time.Time) error {
	if p.records != nil {
		return nil
	}
	var before map[string]*record
	if err := p.Store.View(func(tx *state.Tx) (err error) {
		before, err = readRecords(tx)
		return err
	}); err != nil {
		return fmt.Errorf("read what was printed: %w", err)
	}
	records, changed := map[string]*record{}, map[string]*record{}
	for _, j := range p.jobs {
		r := before[j.Name]
		delete(before, j.Name)
		if text := j.scheduleText(); r == nil || r.Schedule != text {
			next := &record{}
			if r != nil {
				next = r.clone()
			}
			next.Schedule, next.From, next.Waited = text, now.UnixMilli(), 0
			r, changed[j.Name] = next, next
		}
		records[j.Name] = r
	}
	if len(before)+len(changed) > 0 {
		if err := p.Store.Update(func(tx *state.Tx) error {
			for name := range before {
				if err := tx.Bucket(journalBucket).Delete([]byte(name)); err != nil {
					return err
				}
			}
			for name, r := range changed {
				if err := putRecord(tx, name, r); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			return fmt.Errorf("keep what is to be printed: %w", err)
		}
	}
	p.records = records
	for name, r := range records {
		p.Metrics.show(name, r)
	}
	return nil
}

// change makes a change to the record of a report durable.
func (p *Press) change(name string, change func(*record)) error {
	next := p.records[name].clone()
	change(next)
	if err := p.Store.Update(func(tx *state.Tx) error { return putRecord(tx, name, next) }); err != nil {
		return fmt.Errorf("keep what was printed of %q: %w", name, err)
	}
	p.records[name] = next
	p.Metrics.show(name, next)
	return nil
}

func putRecord(tx *state.Tx, name string, r *record) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return tx.Bucket(journalBucket).Put([]byte(name), text)
}
