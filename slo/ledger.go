package slo

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/sli"
)

// LedgerOptions are what a Ledger is made of.
type LedgerOptions struct {
	// Objectives are valid and resolved (Objective.With).
	Objectives []Objective
	// Retention is for how long minutes are kept, by the time of the events.
	Retention time.Duration
	// Silence is for how long no span may come from any service before that is
	// taken for a fault of the measuring; 0 for ever.
	Silence time.Duration
	// Shared holds if other ledgers have a part of the events: whether no service
	// sends spans, this one cannot tell from its own, but from source.Step.Alive.
	// What it adds is kept for a while, for those who add it all up (Part).
	Shared bool
	// Reader says which part it has, as 1/2, and Configuration names what parts
	// must have alike to be added up; both are told with each part.
	Reader, Configuration string
	// Hold is for how long a series that an event made is shown at 0 before its counts.
	Hold time.Duration
	Log  zerolog.Logger
}

// A Ledger keeps, for each objective, how many events ended in each minute and
// how many of these were bad, and from that what every rule divides.
//
// It judges time by its clock, the minute up to which all is known: each window
// holds that minute, which may still be running, and the minutes of its length
// before it. The clock follows the watermark of the feed and stands still while the source
// cannot be read, while the daemon catches up, and while no service at all
// sends spans: windows end at the clock, so that what was so when measuring
// ended is said until it goes on. A late event counts in the minute in which
// it ended.
//
// Its life is that of a Recorder: Load once, then Save within a transaction and
// Publish when that is committed, by one goroutine. Save may be repeated
// after a commit that failed, and nothing of a Save without Publish is kept but
// the names of new series.
// Collect and the readers may be called at any time, by any goroutine.
type Ledger struct {
	retention, silence int64 // in minutes
	shared             bool
	reader             string
	configuration      string
	hold               time.Duration
	log                zerolog.Logger
	objectives         []*objective

	// What follows is owned by the goroutine that saves.

	meta   meta
	fresh  bool // there was no ledger in the state file
	series map[seriesKey]*series
	byID   map[uint32]*series
	nextID uint32
	// alive are the minutes in which any span ended.
	alive *minuteSet
	// dirty are the measures to be written at the next Save.
	dirty map[string]*measure
	// unwritten are the series to be written at the next Save.
	unwritten []*series
	pending   *pending
	// sign is the last minute of which source.Step.Alive told, if the ledger is
	// shared; 0 before the first step.
	sign int64
	// out are the increments that are kept, if the ledger is shared.
	out []outEntry
	// adopted is what the parts of a whole told last; nil for any other ledger.
	adopted *adopted
	// told are the objectives that were said to match nothing.
	told map[*objective]bool

	// shownUpto is the latest creation, in milliseconds, of a series that a scrape
	// has shown with its counts, as far as scrapes tell by their times.
	shownUpto atomic.Int64

	mu sync.RWMutex // guards view
	// view is what was published last. It is never changed.
	view *view
}

// An objective is an Objective at work.
type objective struct {
	*Objective
	measure *measure
	windows []window
	// own is the place of the objective's own window in windows, current that of
	// the window whose burn rate the budget's end is told by, -1 for none.
	own, current int
	// period is the calendar period that was looked at last.
	period minuteRange
	// excluded are the minutes that do not Count, of horizon.
	excluded []minuteRange
	horizon  minuteRange
	// active is how many values of ForEach have a series that is shown.
	active     int
	overflowed bool
}

// A window is a time that ends at the clock.
type window struct {
	label string
	// minutes is the length of a rolling window; 0 for the calendar period.
	minutes int64
}

// meta is what the state file holds of the ledger besides counts. Times are
// minutes since the Unix epoch.
type meta struct {
	Format int `json:"format"`
	// Clock is the last minute that windows hold; 0 if nothing was ever read to its end.
	Clock int64 `json:"clock"`
	// Since is the first minute of which all that is stored counts; 0 if that is not known yet.
	Since int64 `json:"since"`
	// Vague holds while Since is a guess, as nothing of what is stored is this reader's.
	Vague bool `json:"vague,omitempty"`
	// Gaps are minutes of which spans were lost.
	Gaps []minuteRange `json:"gaps,omitempty"`
	// Quiet are minutes in which no span came to this reader or another, if the
	// ledger is shared.
	Quiet []minuteRange `json:"quiet,omitempty"`
	// Restarts counts objectives whose SLI changed.
	Restarts uint64 `json:"restarts"`
	// Hold is new_series_hold in milliseconds: what it let be seen stays seen.
	Hold int64 `json:"new_series_hold_ms"`
	// Unplaced counts events that have no minute in the ledger.
	Unplaced unplaced `json:"unplaced"`
	// Seq, Mark, Watermark and Earliest are as PartHead has them, if the ledger is shared.
	Seq       uint64 `json:"seq,omitempty"`
	Mark      string `json:"mark,omitempty"`
	Watermark int64  `json:"watermark_ms,omitempty"`
	Earliest  bool   `json:"earliest,omitempty"`
}

// unplaced counts events that are too old, or not yet, for the ledger.
type unplaced struct {
	Future    uint64 `json:"future"`
	Retention uint64 `json:"retention"`
}

const ledgerFormat = 1

// NewLedger returns a ledger that knows nothing yet. It starts no goroutine.
func NewLedger(o LedgerOptions) *Ledger {
	l := &Ledger{
		retention: int64(o.Retention / time.Minute),
		silence:   int64((o.Silence + time.Minute - 1) / time.Minute),
		shared:    o.Shared,
		hold:      o.Hold,

		reader:        o.Reader,
		configuration: o.Configuration,
		log:           o.Log,
		meta:          meta{Format: ledgerFormat},
		fresh:         true,
		series:        map[seriesKey]*series{},
		byID:          map[uint32]*series{},
		nextID:        platformSeries + 1,
		alive:         &minuteSet{},
		dirty:         map[string]*measure{},
		told:          map[*objective]bool{},
	}
	for i := range o.Objectives {
		l.objectives = append(l.objectives, newObjective(&o.Objectives[i]))
	}
	l.view = &view{}
	return l
}

// Measures returns what is judged for the objectives, in their order.
func Measures(objectives []Objective) []sli.Measure {
	measures := make([]sli.Measure, len(objectives))
	for i := range objectives {
		measures[i] = sli.Measure{Indicator: objectives[i].SLI, ForEach: objectives[i].ForEach}
	}
	return measures
}

func newObjective(o *Objective) *objective {
	w := &objective{Objective: o, own: -1, current: -1}
	for _, length := range o.AlertWindows() {
		if length == o.Window.Rolling {
			w.own = len(w.windows)
		}
		w.windows = append(w.windows, window{FormatWindow(length), int64(length / time.Minute)})
	}
	w.current = w.slowestPage()
	if w.own < 0 {
		w.own = len(w.windows)
		w.windows = append(w.windows, window{o.Window.String(), int64(o.Window.Rolling / time.Minute)})
	}
	return w
}

// slowestPage returns the place of the longest window of a tier that pages, or
// else of any tier, -1 if there is none: the rate at which the budget burns now.
func (o *objective) slowestPage() int {
	best, page := time.Duration(0), false
	for _, t := range o.TierList() {
		if pages := t.Severity == PageSeverity; pages && !page || pages == page && t.Long > best {
			best, page = t.Long, pages
		}
	}
	for i, w := range o.windows {
		if best > 0 && w.minutes == int64(best/time.Minute) {
			return i
		}
	}
	return -1
}

// first returns the first minute of a window whose last is clock.
func (o *objective) first(w window, clock int64) int64 {
	if w.minutes > 0 {
		return clock - w.minutes
	}
	if clock < o.period.From || clock >= o.period.To {
		at := time.Unix(clock*60, 0)
		o.period = minuteRange{ceilMinute(o.Window.Start(at)), ceilMinute(o.Window.End(at))}
	}
	return o.period.From
}

func ceilMinute(t time.Time) int64 { return (t.Unix() + 59) / 60 }

func floorMinute(t time.Time) int64 {
	m := t.Unix() / 60
	if m*60 > t.Unix() {
		m--
	}
	return m
}

// excludedAt returns the minutes that do not count of every window that ends at
// clock, and of a while after.
func (o *objective) excludedAt(clock int64) []minuteRange {
	if len(o.Exclusions) == 0 {
		return nil
	}
	first := clock
	for _, w := range o.windows {
		first = min(first, o.first(w, clock))
	}
	if first < o.horizon.From || clock+60 >= o.horizon.To {
		o.horizon = minuteRange{first - 2*1440, clock + 2*1440}
		o.excluded = minutesOf(Excluded(o.Exclusions, time.Unix(o.horizon.From*60, 0), time.Unix(o.horizon.To*60, 0)))
	}
	return o.excluded
}

// minutesOf returns the minutes of intervals that begin and end with one.
func minutesOf(intervals []Interval) []minuteRange {
	var out []minuteRange
	for _, i := range intervals {
		out = append(out, minuteRange{floorMinute(i.From), ceilMinute(i.To)})
	}
	return union(out)
}
