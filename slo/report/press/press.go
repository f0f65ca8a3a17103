// Package press prints reports when they are due: it writes them into a folder,
// each file whole or not at all, keeps as many as are wanted, and sends them to a
// webhook until that has taken them.
//
// Its place is at the end of the flow, after the reports that it prints:
//
//	source ← sli ← slo ← slo/report ← slo/report/press ← cmd/traceslo
//
// What a report says, and how it looks, is left to slo/report. What was printed
// and what is still to be sent is in the state file: a run that was missed while
// nothing ran is made up once, however many times were missed, and what a
// receiver has not taken is sent again after a restart.
package press

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
)

// Options are what a Press is made of.
type Options struct {
	// Reports are those to print, which Validate found no fault with.
	Reports []Config
	// Report is the section report.
	Report report.Config
	// Dimensions are the labels of the dimensions that culprits have, in order.
	Dimensions []string
	Ledger     *slo.Ledger
	Store      *state.Store
	// Whole, if it is not nil, returns what is printed in the place of Ledger and
	// what Store has of it: a nil ledger if there is none yet, and what is to be
	// said of it. Store keeps what was printed all the same.
	Whole   func() (ledger *slo.Ledger, view func(func(*state.Tx) error) error, notes []string)
	Log     zerolog.Logger
	Metrics *Metrics
}

// A Press prints reports when they are due. It is for one goroutine, and the
// only one that prints into its folders and by its state file.
type Press struct {
	Options
	jobs []*job
	// records are what the state file holds, by the names of reports; nil before
	// the first step.
	records map[string]*record
}

// A job is a report and the run of it that is due, if one is.
type job struct {
	Config
	folder folder
	// due is when the run was due, zero if none is, and waiting since when it waits,
	// besides what the record tells of that: another that comes due meanwhile takes
	// its place and waits no longer.
	due, waiting time.Time
	printing     retry
	// crowded tells that there may be runs in the folder that are not to be kept.
	crowded  bool
	clearing retry
}

func (j *job) scheduleText() string { return j.Schedule.String() + " " + j.TimeZone.String() }

// New returns a Press that has printed nothing yet. It starts no goroutine.
func New(o Options) *Press {
	p := &Press{Options: o}
	var names []string
	for _, c := range Filled(o.Reports, o.Report.TimeZone) {
		names = append(names, c.Name)
		p.jobs = append(p.jobs, &job{Config: c, folder: newFolder(c.Folder, c.Name)})
	}
	o.Metrics.begin(names)
	return p
}

// Step prints the reports that are due at now, removes the runs that are not to be
// kept, then sends what is to be sent. An error of one report does not keep the
// others from it: the error holds all of them, each of which is tried again at a
// later step.
func (p *Press) Step(ctx context.Context, now time.Time) error {
	if err := p.open(now); err != nil {
		return err
	}
	var errs []error
	for _, j := range p.jobs {
		errs = append(errs, p.print(ctx, j, now), p.clear(j, now))
	}
	for _, j := range p.jobs {
		errs = append(errs, p.deliver(ctx, j, now))
	}
	return errors.Join(errs...)
}

// every is the time between two steps. One with nothing to do costs a few microseconds.
const every = time.Second

// Run steps until ctx ends. Errors are logged and tried again; but a state that
// turns out to be damaged (state.ErrDamaged) does not mend itself, and Run
// returns that.
func (p *Press) Run(ctx context.Context) error {
	failing := ""
	for ctx.Err() == nil {
		err := p.Step(ctx, time.Now())
		switch {
		case errors.Is(err, state.ErrDamaged):
			return err
		case ctx.Err() != nil, err == nil:
			failing = ""
		case err.Error() != failing:
			failing = err.Error()
			p.Log.Error().Err(err).Msg("a report is not printed, not sent, or its old runs are not removed")
		}
		sleep(ctx, every)
	}
	return nil
}

func sleep(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// print prints the run of a report that is due, if one is and the ledger has
// come as far. Of several that were missed it is the last.
func (p *Press) print(ctx context.Context, j *job, now time.Time) error {
	if j.printing.waits(now) {
		return nil
	}
	due, ok, err := p.due(j, now)
	if err != nil {
		j.printing.failed(now)
		p.Metrics.failed(j.Name, reasonState)
		return err
	}
	if !ok {
		return nil
	}
	if j.due.IsZero() {
		j.waiting = now
		if first := j.Schedule.Next(*j.TimeZone, p.records[j.Name].from()); first.Before(due) {
			p.Log.Info().Str("report", j.Name).Time("first", first).Time("due", due).Msg("runs of a report were missed; the last of them is made up")
		}
	}
	j.due = due
	why, err := p.tryPrint(ctx, j, now)
	if err == nil || ctx.Err() != nil {
		return err
	}
	j.printing.failed(now)
	p.Metrics.failed(j.Name, why)
	return fmt.Errorf("print the report %q: %w", runName(j.Name, due), err)
}

// tryPrint prints the run that is due, unless it has to wait for the ledger.
func (p *Press) tryPrint(ctx context.Context, j *job, now time.Time) (reason, error) {
	period, err := report.ParsePeriod(j.Period, *j.TimeZone, j.due)
	if err != nil {
		return reasonLedger, err
	}
	end := period.To
	if end.After(j.due) {
		end = j.due // it is about a period that still runs
	}
	if ledger, _, _ := p.whole(); ledger == nil || !ledger.Knows(end) {
		if longer, err := p.wait(j, now); longer || err != nil {
			return reasonState, err
		}
	}
	files, err := p.render(ctx, j, period, now)
	if err != nil {
		return reasonLedger, err
	}
	if err := j.folder.write(files); err != nil {
		return reasonFolder, err
	}
	dropped := 0
	if err := p.change(j.Name, func(r *record) {
		r.From, r.Printed, r.Waited = j.due.UnixMilli(), now.UnixMilli(), 0
		if j.Webhook == nil {
			return
		}
		run := runName(j.Name, j.due)
		// A run that is printed again after a crash is sent once.
		if !slices.ContainsFunc(r.Deliveries, func(d delivery) bool { return d.Run == run }) {
			r.Deliveries = append(r.Deliveries, delivery{Run: run, Folder: j.Folder, File: run + j.Webhook.Format.Extension(),
				Type: j.Webhook.Format.MediaType(), Period: period.Name, Next: now.UnixMilli()})
		}
		dropped = max(0, len(r.Deliveries)-maxPending)
		r.Deliveries = r.Deliveries[dropped:]
	}); err != nil {
		return reasonState, err
	}
	p.Metrics.deliveries.WithLabelValues(j.Name, givenUp).Add(float64(dropped))
	p.Metrics.runs.WithLabelValues(j.Name).Inc()
	run := runName(j.Name, j.due)
	j.due, j.printing = time.Time{}, retry{}
	j.crowded = true
	p.Log.Info().Str("report", run).Str("period", period.Name).Str("folder", j.Folder).Msg("printed a report")
	return "", nil
}

// whole returns what is printed.
func (p *Press) whole() (ledger *slo.Ledger, view func(func(*state.Tx) error) error, notes []string) {
	if p.Whole == nil {
		return p.Ledger, p.Store.View, nil
	}
	return p.Whole()
}

// render returns the files of the run that is due.
func (p *Press) render(ctx context.Context, j *job, period report.Period, now time.Time) ([]file, error) {
	var r *report.Report
	ledger, view, notes := p.whole()
	if ledger == nil {
		return nil, errors.New(strings.Join(notes, " "))
	}
	err := view(func(tx *state.Tx) (err error) {
		r, err = report.Build(ctx, ledger, tx, report.Options{
			Period: period, SLOs: j.SLOs, Dimensions: p.Dimensions, Policy: p.Report.Policy, Now: now, Notes: notes,
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	var files []file
	for _, format := range j.Formats {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var content bytes.Buffer
		if err := r.Write(&content, format); err != nil {
			return nil, err
		}
		files = append(files, file{runName(j.Name, j.due) + format.Extension(), content.Bytes()})
	}
	return files, nil
}
