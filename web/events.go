package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/state"
)

// Events are the events of an objective over time.
type Events struct {
	MeasuredUntil *time.Time `json:"measured_until"`
	From          time.Time  `json:"from"`
	To            time.Time  `json:"to"`
	StepSeconds   int64      `json:"step_seconds"`
	Points        []Point    `json:"points"`
}

// A Point is the events of a part of time; excluded minutes are left out.
type Point struct {
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Events    uint64    `json:"events"`
	BadEvents uint64    `json:"bad_events"`
	// UnmeasuredSeconds are those of which nobody can tell.
	UnmeasuredSeconds int64 `json:"unmeasured_seconds"`
}

// maxPoints bounds how many points are told at once.
const maxPoints = 2000

// events answers how many events an objective had over time.
func (s *Server) events(r *http.Request) (any, error) {
	query, err := parameters(r, "service", "from", "to", "step")
	if err != nil {
		return nil, err
	}
	running, o, upto, err := s.one(r, query)
	if err != nil {
		return nil, err
	}
	from, to, err := s.period(query, o)
	if err != nil {
		return nil, err
	}
	step := time.Hour
	if text := query.Get("step"); text != "" {
		step, err = config.ParseDuration(text)
		if err != nil || step < time.Minute || step%time.Minute != 0 {
			return nil, problem(badRequest, "the parameter step=%s is no step; write whole minutes, for example 5m, 1h or 1d", shown(text))
		}
	}
	// Steps are counted from the Unix epoch, so that days are those of UTC.
	if points := int64(to.Sub(from)/step) + 2; points > maxPoints {
		return nil, problem(badRequest, "from %s to %s there are more than %d steps of %s; ask for less, or for longer steps", from.Format(time.RFC3339), to.Format(time.RFC3339), maxPoints-2, config.FormatDuration(step))
	}
	points, err := s.pointsOf(running, o, edges(from, to, step))
	if err != nil {
		return nil, err
	}
	return Events{MeasuredUntil: known(upto), From: from, To: to, StepSeconds: int64(step / time.Second), Points: points}, nil
}

// edges returns from, to, and the multiples of step between them.
func edges(from, to time.Time, step time.Duration) []time.Time {
	all := []time.Time{from}
	for at := from.UTC().Truncate(step); at.Before(to); at = at.Add(step) {
		if at.After(from) {
			all = append(all, at)
		}
	}
	return append(all, to)
}

// pointsOf returns the points between each edge and the next.
func (s *Server) pointsOf(running *Running, o Objective, edges []time.Time) ([]Point, error) {
	points := make([]Point, 0, len(edges))
	err := running.View(func(tx *state.Tx) error {
		sums, err := running.Ledger.Sums(tx, o.SLO, o.Service, edges)
		if err != nil {
			return err
		}
		unmeasured, err := running.Ledger.Unmeasured(tx, o.SLO, o.Service, edges[0], edges[len(edges)-1])
		if err != nil {
			return err
		}
		for i, sum := range sums {
			p := Point{From: edges[i].UTC(), To: edges[i+1].UTC(), Events: sum.Events, BadEvents: sum.Bad}
			for _, u := range unmeasured {
				if from, to := later(u.From, p.From), earlier(u.To, p.To); from.Before(to) {
					p.UnmeasuredSeconds += int64(to.Sub(from) / time.Second)
				}
			}
			points = append(points, p)
		}
		return nil
	})
	return points, err
}

// maxPeriod bounds how long a time is looked at: as long as minutes can be kept.
const maxPeriod = 3661 * 24 * time.Hour

// maxAhead is how far it may reach into the future, where nothing is known.
const maxAhead = 366 * 24 * time.Hour

// period reads from and to, whole minutes: as RFC 3339, or as a duration before
// now. Without them it is the objective's own window.
func (s *Server) period(query url.Values, o Objective) (from, to time.Time, err error) {
	now := s.Now().UTC()
	from, to = o.standing.From, o.standing.To
	if to.IsZero() {
		to = now.Truncate(time.Minute)
		from = to.Add(-o.standing.Objective.Window.Length())
	}
	if to, err = readTime("to", query.Get("to"), now, to); err != nil {
		return from, to, err
	}
	if from, err = readTime("from", query.Get("from"), now, from); err != nil {
		return from, to, err
	}
	switch {
	case !from.Before(to):
		return from, to, problem(badRequest, "from %s is not before to %s", from.Format(time.RFC3339), to.Format(time.RFC3339))
	case to.Sub(from) > maxPeriod, from.Before(now.Add(-maxPeriod)), to.After(now.Add(maxAhead)):
		return from, to, problem(badRequest, "from %s to %s is no time that the ledger keeps; ask for at most ten years of the past", from.Format(time.RFC3339), to.Format(time.RFC3339))
	}
	return from, to, nil
}

func readTime(name, text string, now, fallback time.Time) (time.Time, error) {
	if text == "" {
		return fallback, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at.UTC().Truncate(time.Minute), nil
	}
	if back, err := config.ParseDuration(text); err == nil && back >= 0 && back <= maxPeriod {
		return now.Add(-back).Truncate(time.Minute), nil
	}
	return fallback, problem(badRequest, "the parameter %s=%s is no time; write for example 2026-11-22T15:04:00Z, or 7d for seven days ago", name, shown(text))
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func compareCulprits(a, b Culprit) int {
	return cmp.Or(cmp.Compare(b.BadEvents, a.BadEvents), strings.Compare(a.Service, b.Service), strings.Compare(a.Operation, b.Operation),
		strings.Compare(a.ErrorType, b.ErrorType), slices.Compare(a.Values, b.Values))
}
