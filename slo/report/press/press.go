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
	Log        zerolog.Logger
	Metrics    *Metrics
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
	// due is when the run was due, zero if none is, and noticed since when the step
	// saw one that is not printed: another that comes due meanwhile takes its
	// place and waits no longer.
	due, noticed time.Time
	// failures is how often printing it failed, next when that is tried again.
	failures int
	next     time.Time
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

// Step prints the reports that are due at now, then sends what is to be sent. An
// error of one report does not keep the others from it: the error holds all of
// them, each of which is tried again at a later step.
func (p *Press) Step(ctx context.Context, now time.Time) error {
	if err := p.open(now); err != nil {
		return err
	}
	var errs []error
	for _, j := range p.jobs {
		errs = append(errs, p.print(ctx, j, now))
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
			p.Log.Error().Err(err).Msg("a report is not printed, or not sent")
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
	from := p.records[j.Name].from()
	due, ok := j.Schedule.Last(*j.TimeZone, from, now)
	if !ok {
		return nil
	}
	if j.due.IsZero() {
		j.noticed = now
		if first := j.Schedule.Next(*j.TimeZone, from); first.Before(due) {
			p.Log.Info().Str("report", j.Name).Time("first", first).Time("due", due).Msg("runs of a report were missed; the last of them is made up")
		}
	}
	j.due = due
	if now.Before(j.next) {
		return nil
	}
	why, err := p.tryPrint(ctx, j, now)
	if err == nil || ctx.Err() != nil {
		return err
	}
	j.failures++
	j.next = now.Add(backOff(j.failures))
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
	if !p.Ledger.Knows(end) && now.Sub(j.noticed) < j.Wait {
		return "", nil
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
		r.From, r.Printed = j.due.UnixMilli(), now.UnixMilli()
		if j.Webhook == nil {
			return
		}
		run := runName(j.Name, j.due)
		// A run that is printed again after a crash is sent once.
		if !slices.ContainsFunc(r.Deliveries, func(d delivery) bool { return d.Run == run }) {
			r.Deliveries = append(r.Deliveries, delivery{Run: run, File: run + j.Webhook.Format.Extension(),
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
	j.due, j.failures, j.next = time.Time{}, 0, time.Time{}
	p.Log.Info().Str("report", run).Str("period", period.Name).Str("folder", j.Folder).Msg("printed a report")
	if err := p.prune(j, now); err != nil {
		return reasonFolder, err
	}
	return "", nil
}

// prune removes the runs that are not to be kept, but those that are still to be sent.
func (p *Press) prune(j *job, now time.Time) error {
	unsent := map[string]bool{}
	for _, d := range p.records[j.Name].Deliveries {
		unsent[d.Run] = true
	}
	return j.folder.prune(func(later int, due time.Time) bool {
		return (j.Keep == 0 || later < j.Keep) && (j.KeepFor == 0 || now.Sub(due) <= j.KeepFor) || unsent[runName(j.Name, due)]
	})
}

// render returns the files of the run that is due.
func (p *Press) render(ctx context.Context, j *job, period report.Period, now time.Time) ([]file, error) {
	var r *report.Report
	err := p.Store.View(func(tx *state.Tx) (err error) {
		r, err = report.Build(ctx, p.Ledger, tx, report.Options{
			Period: period, SLOs: j.SLOs, Dimensions: p.Dimensions, Policy: p.Report.Policy, Now: now,
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

// backOff returns how long to wait after so many failures: a minute, doubled
// each time up to an hour.
func backOff(failures int) time.Duration {
	return min(time.Minute<<min(failures-1, 10), time.Hour)
}
