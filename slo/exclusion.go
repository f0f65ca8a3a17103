package slo

import "time"

// An Exclusion is a time that does not count: once, from From to To, or again
// and again, from each time that Schedule names for Duration.
//
// It is made of whole minutes, as the ledger is: every minute that it touches
// is excluded.
//
// A time of Schedule is one that the clocks of TimeZone show. One that they
// skip, because they are put forward, comes when they have been put forward;
// one that they show twice comes the first time. Duration is true time: two
// hours are two hours, whatever the clocks do meanwhile.
type Exclusion struct {
	From time.Time `yaml:"from"`
	To   time.Time `yaml:"to"`
	// Schedule is a cron expression of five fields, read in TimeZone.
	Schedule Schedule      `yaml:"schedule"`
	Duration time.Duration `yaml:"duration"`
	TimeZone Zone          `yaml:"time_zone"`
	// Reason is shown wherever the exclusion is.
	Reason string `yaml:"reason"`
}

// Covers tells whether the minute that at lies in is excluded.
func (x Exclusion) Covers(at time.Time) bool {
	return len(x.Between(at, at.Add(1))) > 0
}

// Between returns what is excluded of the minutes that the time from from to to
// touches: whole minutes of UTC, ascending, apart from each other.
func (x Exclusion) Between(from, to time.Time) []Interval {
	return Excluded([]Exclusion{x}, from, to)
}

// Excluded returns what any of xs excludes, as Exclusion.Between does for one.
func Excluded(xs []Exclusion, from, to time.Time) []Interval {
	asked := wholeMinutesAround(Interval{from, to})
	var all []Interval
	for _, x := range xs {
		all = x.appendWithin(all, asked)
	}
	return merge(all)
}

func (x Exclusion) appendWithin(all []Interval, asked Interval) []Interval {
	add := func(i Interval) {
		if i = wholeMinutesAround(i).cut(asked); i.From.Before(i.To) {
			all = join(all, i)
		}
	}
	if x.Schedule.spec == nil {
		add(Interval{x.From, x.To})
		return all
	}
	// No wall time before this is reached as late as Duration before asked.
	earliest := asked.From.Add(-x.Duration).Unix() - maxOffset
	clock := x.TimeZone.clockFor(earliest - int64(day/time.Second))
	for wall := range x.Schedule.walls(earliest) {
		start := time.Unix(clock.reach(wall), 0)
		if !start.Before(asked.To) {
			break
		}
		add(Interval{start, start.Add(x.Duration)})
	}
	return all
}
