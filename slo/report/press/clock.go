package press

import "time"

// ahead is how far the last run of a report may lie ahead of the clock. What lies
// further was printed while the clock was wrong.
const ahead = time.Hour

// due returns when the run was due that is to be printed, if one is. What a wrong
// clock left in the record would keep others from coming, or have them come too
// early, and is forgotten.
func (p *Press) due(j *job, now time.Time) (due time.Time, ok bool, err error) {
	if from := p.records[j.Name].from(); from.After(now.Add(ahead)) {
		if err := p.change(j.Name, func(r *record) { r.From, r.Waited = now.UnixMilli(), 0 }); err != nil {
			return due, false, err
		}
		p.Log.Warn().Str("report", j.Name).Time("ahead", from).Msg("the last run of a report lies ahead of the clock; the report begins anew")
	}
	r := p.records[j.Name]
	due, ok = j.Schedule.Last(*j.TimeZone, r.from(), now)
	if ok {
		return due, true, nil
	}
	j.due = time.Time{}
	if r.Waited > 0 {
		err = p.change(j.Name, func(r *record) { r.Waited = 0 })
	}
	return due, false, err
}

// wait tells whether the run that is due waits longer for the ledger. How long it
// did is kept each minute, so that no number of restarts makes it wait for ever,
// and what a daemon that was down has missed it can still read.
func (p *Press) wait(j *job, now time.Time) (longer bool, err error) {
	if now.Before(j.waiting) {
		j.waiting = now
	}
	since := now.Sub(j.waiting)
	waited := p.records[j.Name].waited() + since
	if waited >= j.Wait {
		return false, nil
	}
	if since >= time.Minute {
		if err := p.change(j.Name, func(r *record) { r.Waited = waited.Milliseconds() }); err != nil {
			return false, err
		}
		j.waiting = now
	}
	return true, nil
}
