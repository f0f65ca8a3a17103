package plot

import (
	"cmp"
	"slices"
	"strconv"
	"time"
)

// A Frame is the time that a plot shows, from From to To, and the zone whose
// clocks its axis shows.
type Frame struct {
	From, To time.Time
	// Zone is UTC if it is nil.
	Zone *time.Location
}

// part returns where at is, 0 at the left edge and 1 at the right one.
func (f Frame) part(at time.Time) float64 {
	if !f.From.Before(f.To) {
		return 0
	}
	return min(1, max(0, float64(at.Sub(f.From))/float64(f.To.Sub(f.From))))
}

func (f Frame) zone() *time.Location {
	if f.Zone == nil {
		return time.UTC
	}
	return f.Zone
}

// maxTicks and fewTicks are how many labels an axis has at most, and on a narrow page.
const (
	maxTicks = 10
	fewTicks = 4
)

// A tick is a time on the axis.
type tick struct {
	at    time.Time
	label string
}

// strides are the distances that ticks may have: minutes, days or months.
var strides = []struct{ minutes, days, months int }{
	{minutes: 1}, {minutes: 5}, {minutes: 15}, {minutes: 30}, {minutes: 60}, {minutes: 3 * 60}, {minutes: 6 * 60}, {minutes: 12 * 60},
	{days: 1}, {days: 2}, {days: 5}, {days: 7}, {days: 14}, {months: 1}, {months: 3}, {months: 6}, {months: 12}, {months: 60}, {months: 240},
}

// ticks returns the ticks of the axis: times that the zone's clocks show, not
// more than maxTicks.
func (f Frame) ticks() []tick {
	if !f.From.Before(f.To) {
		return nil
	}
	const day = 24 * 60
	for _, s := range strides {
		step := time.Duration(s.minutes+s.days*day+s.months*30*day) * time.Minute
		if f.To.Sub(f.From) > maxTicks*step {
			continue
		}
		var found []tick
		for at := range f.walk(s.minutes, s.days, s.months) {
			found = append(found, tick{at, label(at, s.minutes, s.months)})
		}
		if len(found) <= maxTicks {
			return found
		}
	}
	return nil
}

// walk yields the times at which a clock shows a multiple of the stride.
func (f Frame) walk(minutes, days, months int) func(func(time.Time) bool) {
	from := f.From.In(f.zone())
	year, month, day := from.Date()
	minute := 0
	switch {
	case months > 0:
		month, day = 1, 1
	case days == 7 || days == 14:
		day -= (int(from.Weekday()) + 6) % 7 // weeks begin on Monday
	case days > 1:
		day = 1
	}
	return func(yield func(time.Time) bool) {
		last := time.Time{}
		for {
			at := time.Date(year, month, day, 0, minute, 0, 0, f.zone())
			if !at.Before(f.To) {
				return
			}
			// Where clocks are put forward or back, a time may be none or come twice.
			if !at.Before(f.From) && at.After(last) && !yield(at) {
				return
			}
			if at.After(last) {
				last = at
			}
			minute += minutes
			month += time.Month(months)
			day += days
			if days > 1 && days < 7 {
				// The multiples begin anew with each month, and the last leaves room for the first.
				if first := time.Date(year, month, 1, 0, 0, 0, 0, time.UTC); day > first.AddDate(0, 1, -1).Day()-days/2 {
					month, day = month+1, 1
				}
			}
		}
	}
}

// label writes the time of a tick: of whole days the date, else the time of day.
func label(at time.Time, minutes, months int) string {
	switch {
	case minutes > 0 && (at.Hour() > 0 || at.Minute() > 0):
		return at.Format("15:04")
	case months > 0 && at.Month() == time.January:
		return strconv.Itoa(at.Year())
	case months > 0:
		return at.Format("Jan")
	}
	return at.Format("2 Jan")
}

// draw draws the ticks and their labels below the plot.
func (f Frame) draw(c *canvas, bottom float64) {
	ticks := f.ticks()
	every := (len(ticks) + fewTicks - 1) / fewTicks
	for i, t := range ticks {
		class := markup("plot-middle")
		if i%every != 0 {
			class = "plot-middle plot-wide"
		}
		x := percentage(f.part(t.at))
		c.f(`<line class="plot-tick" x1="%v" x2="%v" y1="%v" y2="%v"/>`, x, x, bottom, bottom+4)
		c.f(`<text class="%s" x="%v" y="%v">%s</text>`, class, x, bottom+16, t.label)
	}
}

// A Span is a time about which something is known that no value tells.
type Span struct {
	From, To time.Time
	Kind     SpanKind
}

// A SpanKind is what is known of a Span.
type SpanKind uint8

// The kinds of spans.
const (
	Unmeasured SpanKind = iota
	Excluded
	Burning
)

// strip is how high a Burning span is drawn, at the upper edge.
const strip = 5

// spanKinds are the names of the kinds, as their classes and the legend have them.
var spanKinds = [...]string{"unmeasured", "excluded", "burning"}

// parts is into how many parts of a plot nobody could tell it apart.
const parts = 500

// joined returns the spans by kind and time, what overlaps or is closer by than
// anybody could see as one: however many there are, a plot has a bounded number.
func (f Frame) joined(spans []Span) []Span {
	sorted := slices.SortedStableFunc(slices.Values(spans), func(a, b Span) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), a.From.Compare(b.From))
	})
	thin := f.To.Sub(f.From) / parts
	var all []Span
	for _, s := range sorted {
		if f.part(s.From) >= f.part(s.To) {
			continue
		}
		if n := len(all) - 1; n >= 0 && all[n].Kind == s.Kind && s.From.Sub(all[n].To) < thin {
			if s.To.After(all[n].To) {
				all[n].To = s.To
			}
			continue
		}
		all = append(all, s)
	}
	return all
}

// drawSpans draws the spans: hatched, or, where the budget burns, as a strip at
// the upper edge. id is unique on the page.
func (f Frame) drawSpans(c *canvas, id string, spans []Span, s scale) {
	for kind, path := range [...]markup{Unmeasured: "M-2 2l4-4M0 8l8-8M6 10l4-4", Excluded: "M-2 6l4 4M0 0l8 8M6-2l4 4"} {
		if slices.ContainsFunc(spans, func(s Span) bool { return s.Kind == SpanKind(kind) }) {
			c.f(`<defs><pattern id="%s-%s" width="8" height="8" patternUnits="userSpaceOnUse"><path class="plot-hatch plot-%s" d="%s"/></pattern></defs>`,
				ident(id), markup(spanKinds[kind]), markup(spanKinds[kind]), path)
		}
	}
	for _, span := range f.joined(spans) {
		from, to := f.part(span.From), f.part(span.To)
		if span.Kind == Burning {
			c.f(`<rect class="plot-burning" x="%v" width="%v" y="%d" height="%d"/>`, percentage(from), percentage(to-from), top, strip)
		} else {
			c.f(`<rect x="%v" width="%v" y="%d" height="%d" fill="url(#%s-%s)"/>`, percentage(from), percentage(to-from), top, s.height, ident(id), markup(spanKinds[span.Kind]))
		}
	}
}
