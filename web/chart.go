package web

import (
	"fmt"
	"html/template"
	"math"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/plot"
	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
)

// burnDown returns what was left of an error budget at each edge of the sums,
// of the budget that all their events have. It begins at 1, and ends at what is
// left. Without events it is 1 throughout.
func burnDown(sums []slo.Count, target slo.Target) []float64 {
	var all slo.Count
	for _, sum := range sums {
		all.Events += sum.Events
	}
	values := []float64{1}
	for _, sum := range sums {
		all.Bad += sum.Bad
		left := 1.0
		if all.Events > 0 {
			left = all.Remaining(target)
		}
		values = append(values, left)
	}
	return values
}

// charts are the plots of an objective's page.
type charts struct{ BurnDown, BurnRate, Events template.HTML }

const (
	// burnDownPoints, ratePoints and barCount are how much the plots show at most.
	burnDownPoints = 200
	ratePoints     = 500
	barCount       = 72
	// rateDays is how far back burn rates are drawn.
	rateDays = 7 * 24 * time.Hour
)

func (s *Server) charts(running *Running, o Objective) (c charts, err error) {
	if o.To == nil {
		return c, nil
	}
	err = running.View(func(tx *state.Tx) error {
		d := drawing{running.Ledger, tx, o}
		if c.BurnDown, err = d.burnDown(); err != nil {
			return err
		}
		if c.BurnRate, err = d.burnRate(); err != nil {
			return err
		}
		c.Events, err = d.events()
		return err
	})
	return c, err
}

// A drawing makes the plots of one objective within one transaction.
type drawing struct {
	ledger *slo.Ledger
	tx     *state.Tx
	o      Objective
}

func (d drawing) sums(edges []time.Time) ([]slo.Count, error) {
	return d.ledger.Sums(d.tx, d.o.SLO, d.o.Service, edges)
}

// spans returns what is to be known of a time besides its events.
func (d drawing) spans(from, to time.Time) ([]plot.Span, error) {
	unmeasured, err := d.ledger.Unmeasured(d.tx, d.o.SLO, d.o.Service, from, to)
	if err != nil {
		return nil, err
	}
	var spans []plot.Span
	for _, i := range unmeasured {
		spans = append(spans, plot.Span{From: i.From, To: i.To, Kind: plot.Unmeasured})
	}
	for _, i := range slo.Excluded(d.o.standing.Objective.Exclusions, from, to) {
		spans = append(spans, plot.Span{From: i.From, To: i.To, Kind: plot.Excluded})
	}
	return spans, nil
}

// unmeasured tells whether all of a time is unmeasured or excluded.
func unmeasured(spans []plot.Span, from, to time.Time) bool {
	covered := time.Duration(0)
	for _, s := range spans {
		if a, b := later(s.From, from), earlier(s.To, to); a.Before(b) {
			covered += b.Sub(a)
		}
	}
	// Spans of different kinds may overlap, which makes a gap a little early.
	return covered >= to.Sub(from)
}

// end is where the plots of the window end: for a calendar period, which goes
// on, at its end.
func (d drawing) end() time.Time {
	if w := d.o.standing.Objective.Window; w.Calendar != "" {
		return w.End(*d.o.From)
	}
	return *d.o.To
}

// zone is that of a calendar period, nil for UTC.
func (d drawing) zone() *time.Location {
	if w := d.o.standing.Objective.Window; w.Calendar != "" {
		return w.TimeZone.Location()
	}
	return nil
}

func (d drawing) burnDown() (template.HTML, error) {
	from, to := *d.o.From, *d.o.To
	at := edges(from, to, stride(to.Sub(from), burnDownPoints))
	sums, err := d.sums(at)
	if err != nil {
		return "", err
	}
	spans, err := d.spans(from, to)
	if err != nil {
		return "", err
	}
	values := burnDown(sums, d.o.standing.Objective.Target)
	var points []plot.Point
	for i, v := range values {
		// Where nobody can tell, there is no line. The first point is of the part after it.
		if part := max(0, i-1); sums[part].Events == 0 && unmeasured(spans, at[part], at[part+1]) {
			v = math.NaN()
		}
		points = append(points, plot.Point{At: at[i], Value: v})
	}
	description := "No events in the window."
	if d.o.Events > 0 {
		description = fmt.Sprintf("It began at 100%% and stands at %s. %s", percent(values[len(values)-1]), steepest(at, values))
	}
	return plot.Line{ID: "burn-down", Title: "Error budget left over " + d.o.Window, Description: description, Height: 180,
		Frame: plot.Frame{From: from, To: d.end(), Zone: d.zone()}, Unit: plot.Ratio,
		Series: []plot.Series{{Name: "budget left", Points: points}}, Spans: spans}.SVG(), nil
}

// steepest says when most of the budget went.
func steepest(at []time.Time, values []float64) string {
	most, when := 0.0, 0
	for i := 1; i < len(values); i++ {
		if fell := values[i-1] - values[i]; fell > most {
			most, when = fell, i
		}
	}
	if most == 0 {
		return "Nothing was spent."
	}
	return fmt.Sprintf("Most of it, %s, went between %s and %s.", percent(most), at[when-1].Format(timeLayout), at[when].Format(timeLayout))
}

// burnRate draws the burn rates in the long windows of the quickest and the
// slowest tier, and the limits of all.
func (d drawing) burnRate() (template.HTML, error) {
	tiers := d.o.standing.Tiers
	to := *d.o.To
	length := min(rateDays, d.o.standing.Objective.Window.Length())
	from := to.Add(-length)
	step := stride(length, ratePoints)
	longest := time.Duration(0)
	for _, t := range tiers {
		longest = max(longest, t.Long)
	}
	minutes, err := d.ledger.History(d.tx, d.o.SLO, d.o.Service, from.Add(-longest), to)
	if err != nil {
		return "", err
	}
	spans, err := d.spans(from, to)
	if err != nil {
		return "", err
	}
	title := "Burn rate in the long windows of the quickest and the slowest alert"
	if step > time.Minute {
		title += ", the highest of each " + slo.FormatWindow(step)
	}
	line := plot.Line{ID: "burn-rate", Title: title, Height: 180, Frame: plot.Frame{From: from, To: to, Zone: d.zone()}, Unit: plot.Times, Spans: spans}
	var said []string
	drawn := map[time.Duration]bool{}
	sums := sumsOf(minutes)
	for i, t := range tiers {
		line.Thresholds = append(line.Thresholds, plot.Threshold{Value: t.BurnRate.Float(), Label: fmt.Sprintf("%s %s×", t.Severity, t.BurnRate)})
		// The first and the last are the quickest and the slowest; with those
		// between, nobody would tell one line from another.
		if i > 0 && i < len(tiers)-1 || drawn[t.Long] {
			continue
		}
		drawn[t.Long] = true
		points := rates(minutes, sums, int(t.Long/time.Minute), line.Frame, step, d.o.standing.Objective.Target)
		highest := 0.0
		for _, p := range points {
			if p.Value > highest {
				highest = p.Value
			}
		}
		said = append(said, fmt.Sprintf("over %s at most %.1f", slo.FormatWindow(t.Long), highest))
		line.Series = append(line.Series, plot.Series{Name: "over " + slo.FormatWindow(t.Long), Points: points})
	}
	line.Description = "Times faster than the budget allows: " + strings.Join(said, ", ") + "."
	if len(line.Series) == 0 {
		return "", nil
	}
	return line.SVG(), nil
}

// sumsOf returns how many events that count there were before each minute, and
// in all.
func sumsOf(minutes []slo.Minute) []slo.Count {
	sums := make([]slo.Count, len(minutes)+1)
	for i, m := range minutes {
		sums[i+1] = sums[i]
		if !m.Excluded {
			sums[i+1].Events, sums[i+1].Bad = sums[i].Events+m.Events, sums[i].Bad+m.Bad
		}
	}
	return sums
}

// rates returns the burn rate in a window as alerts see it at the end of each
// minute of the frame: of each step the highest, at its end, so that no peak is
// lost, however short the window is. A window holds the last minute and those of
// its length before it, as the ledger's do.
func rates(minutes []slo.Minute, sums []slo.Count, window int, frame plot.Frame, step time.Duration, target slo.Target) []plot.Point {
	var points []plot.Point
	for i, m := range minutes {
		end := m.At.Add(time.Minute)
		if !end.After(frame.From) || end.After(frame.To) {
			continue
		}
		last, before := sums[i+1], sums[max(0, i-window)]
		rate := math.NaN()
		if run := (slo.Count{Events: last.Events - before.Events, Bad: last.Bad - before.Bad}); run.Events > 0 {
			rate = run.BurnRate(target)
		}
		// Steps are counted from the end, where the last of them is whole.
		at := frame.To.Add(-frame.To.Sub(end) / step * step)
		if n := len(points); n > 0 && points[n-1].At.Equal(at) {
			if p := &points[n-1]; math.IsNaN(p.Value) || rate > p.Value {
				p.Value = rate
			}
			continue
		}
		points = append(points, plot.Point{At: at, Value: rate})
	}
	return points
}

// events draws how many events there were each hour of the last three days, or
// in as many shorter parts of a shorter window.
func (d drawing) events() (template.HTML, error) {
	to := *d.o.To
	length := min(barCount*time.Hour, d.o.standing.Objective.Window.Length())
	step := stride(length, barCount+1)
	from := to.Add(-length).Truncate(step)
	at := edges(from, to, step)
	sums, err := d.sums(at)
	if err != nil {
		return "", err
	}
	spans, err := d.spans(from, to)
	if err != nil {
		return "", err
	}
	var bars []plot.Bar
	var all slo.Count
	for i, sum := range sums {
		bars = append(bars, plot.Bar{From: at[i], To: at[i+1], Good: sum.Events - sum.Bad, Bad: sum.Bad})
		all.Events, all.Bad = all.Events+sum.Events, all.Bad+sum.Bad
	}
	return plot.Bars{ID: "events", Title: "Events, a bar for each " + slo.FormatWindow(step),
		Description: fmt.Sprintf("%s events, of which %s were bad.", grouped(all.Events), grouped(all.Bad)),
		Frame:       plot.Frame{From: from, To: to, Zone: d.zone()}, Bars: bars, Spans: spans}.SVG(), nil
}
