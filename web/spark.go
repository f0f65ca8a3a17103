package web

import (
	"fmt"
	"html/template"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/traceslo/traceslo/internal/plot"
	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
)

// sparks keeps the sparklines of objectives for as long as the ledger's clock
// shows the same minute.
type sparks struct {
	mu sync.Mutex // guards all below
	// at is the minute, known are the sparklines, by what they are of.
	at    time.Time
	known map[[2]string]spark
}

// A spark is a sparkline with the figures that it was drawn from. Late spans and
// another configuration change these while the clock shows the same minute.
type spark struct {
	from        time.Time
	events, bad uint64
	target      slo.Target
	svg         template.HTML
}

// sparkOf returns what a sparkline of an objective is drawn from.
func sparkOf(o *Objective) spark {
	return spark{from: *o.From, events: o.Events, bad: o.BadEvents, target: o.standing.Objective.Target}
}

// shows tells whether it is drawn from the figures of another.
func (s spark) shows(other spark) bool {
	other.svg = s.svg
	return s == other
}

const (
	// sparkPoints is how many points a sparkline has at most.
	sparkPoints = 32
	// maxSparks bounds how many sparklines are kept.
	maxSparks = 5000
)

// strides are the distances that edges may have: divisors or multiples of a day.
var strides = []time.Duration{time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	24 * time.Hour, 2 * 24 * time.Hour, 3 * 24 * time.Hour, 5 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour, 30 * 24 * time.Hour, 120 * 24 * time.Hour}

// stride returns the least distance by which there are no more than n edges.
func stride(length time.Duration, n int) time.Duration {
	for _, s := range strides {
		if length/s < time.Duration(n) {
			return s
		}
	}
	return strides[len(strides)-1]
}

// draw fills in the sparklines of the objectives: what was left of the budget
// over the window so far.
func (s *Server) draw(running *Running, rows []row) error {
	s.sparks.mu.Lock()
	defer s.sparks.mu.Unlock()
	// The answers that have not been given yet share one transaction.
	var missing []*row
	for i := range rows {
		r := &rows[i]
		if r.To == nil || r.Events == 0 {
			continue
		}
		if !s.sparks.at.Equal(*r.To) || len(s.sparks.known) >= maxSparks {
			s.sparks.at, s.sparks.known = *r.To, map[[2]string]spark{}
		}
		if drawn, ok := s.sparks.known[[2]string{r.SLO, r.Service}]; ok && drawn.shows(sparkOf(&r.Objective)) {
			r.Spark = drawn.svg
			continue
		}
		missing = append(missing, r)
	}
	if len(missing) == 0 {
		return nil
	}
	return running.View(func(tx *state.Tx) error {
		for _, r := range missing {
			edges := edges(*r.From, *r.To, stride(r.To.Sub(*r.From), sparkPoints))
			sums, err := running.Ledger.Sums(tx, r.SLO, r.Service, edges)
			if err != nil {
				return err
			}
			values := burnDown(sums, r.standing.Objective.Target)
			title := fmt.Sprintf("budget left over the window: %s now, %s at least", percent(values[len(values)-1]), percent(slices.Min(values)))
			// Of the time before the first event, next to nothing is known.
			for i := 0; i < len(sums) && sums[i].Events == 0; i++ {
				values[i] = math.NaN()
			}
			r.Spark = plot.Sparkline{Title: title, Values: values}.SVG()
			drawn := sparkOf(&r.Objective)
			drawn.svg = r.Spark
			s.sparks.known[[2]string{r.SLO, r.Service}] = drawn
		}
		return nil
	})
}
