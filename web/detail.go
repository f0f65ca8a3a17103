package web

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/slo"
)

// A Detail is an objective with what stands behind it.
type Detail struct {
	Objective
	MeasuredUntil *time.Time  `json:"measured_until"`
	Exclusions    []Exclusion `json:"exclusions"`
	// Indicator is what the configuration says of events and good ones, as YAML;
	// RulesFile are the rules for Prometheus that are made of the objective.
	Indicator string `json:"indicator"`
	RulesFile string `json:"rules"`
	// Links lead elsewhere, as far as the configuration says where.
	Links Outward `json:"links"`
}

// Outward are links to other pages. An empty one is left out.
type Outward struct {
	// BadTraces is Jaeger's search for bad traces of the longest window that pages.
	BadTraces string `json:"bad_traces,omitempty"`
	Runbook   string `json:"runbook,omitempty"`
}

// An Exclusion is a time that does not count.
type Exclusion struct {
	Reason string `json:"reason"`
	// Schedule is a cron expression, Duration and TimeZone are its; all are empty for one that is once.
	Schedule string `json:"schedule,omitempty"`
	Duration string `json:"duration,omitempty"`
	TimeZone string `json:"time_zone,omitempty"`
	// Running is what runs now, Next what comes first after that, in the year to come; null for none.
	Running *Interval `json:"running"`
	Next    *Interval `json:"next"`
	// Past are those of the window that are over, the last first, at most 50.
	Past []Interval `json:"past"`
}

// An Interval is the time from From, which is in it, to To, which is not.
type Interval struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// maxPast is how many exclusions that are over are told of.
const maxPast = 50

// ahead are the times in which the next exclusion is looked for, one after the
// other: most come soon, and to look a year ahead takes time.
var ahead = []time.Duration{2 * 24 * time.Hour, 35 * 24 * time.Hour, 366 * 24 * time.Hour}

// longestExclusion is what one that runs may still last.
const longestExclusion = 8 * 24 * time.Hour

// one returns the only objective that a request names.
func (s *Server) one(r *http.Request, query url.Values) (running *Running, o Objective, upto time.Time, err error) {
	if running = s.Running(); running == nil {
		return nil, o, upto, errNotReady
	}
	name, service := r.PathValue("slo"), query.Get("service")
	all, upto := s.all(running, s.Now())
	switch of := find(all, name, service); len(of) {
	case 0:
		return nil, o, upto, s.missing(all, name, service)
	case 1:
		return running, of[0], upto, nil
	default:
		return nil, o, upto, problem(ambiguous, "there are %d objectives %s; choose one by its label slo, or by service=, of %s", len(of), shown(name), choices(of))
	}
}

// missing returns the problem of a request that names no objective.
func (s *Server) missing(all []Objective, name, service string) error {
	if of := find(all, name, ""); len(of) > 0 {
		return problem(notFound, "there is no objective %s of service %s; there is one of %s", shown(name), shown(service), choices(of))
	}
	return noObjective(name, names(all))
}

// objective answers how one objective stands.
func (s *Server) objective(r *http.Request) (any, error) {
	query, err := parameters(r, "service")
	if err != nil {
		return nil, err
	}
	running, o, upto, err := s.one(r, query)
	if err != nil {
		return nil, err
	}
	return s.detail(running, o, upto)
}

func (s *Server) detail(running *Running, o Objective, upto time.Time) (Detail, error) {
	of := o.standing.Objective
	file, err := rules.Objective(*of, running.Links, running.Rules)
	if err != nil {
		return Detail{}, err
	}
	indicator, err := (&config.Document{}).Render(&of.SLI)
	if err != nil {
		return Detail{}, err
	}
	return Detail{
		Objective: o, MeasuredUntil: known(upto), Exclusions: s.exclusions(o),
		RulesFile: running.Mask(string(file)), Indicator: running.Mask(string(indicator)), Links: outward(running, o, s.Now()),
	}, nil
}

// outward returns the links that alerts have too.
func outward(running *Running, o Objective, now time.Time) Outward {
	lookback := time.Hour
	for _, t := range o.standing.Tiers {
		if t.Severity == slo.PageSeverity {
			lookback = max(lookback, t.Long)
		}
	}
	micros := func(t time.Time) string { return strconv.FormatInt(t.UnixMicro(), 10) }
	return Outward{
		BadTraces: running.Links.BadTraces(o.standing.Objective, url.PathEscape(o.Service), micros(now.Add(-lookback)), micros(now)),
		Runbook:   o.standing.Objective.Alerting.Runbook(o.SLO, o.Service),
	}
}

// exclusions returns the exclusions of an objective as they are around now.
func (s *Server) exclusions(o Objective) []Exclusion {
	out := []Exclusion{}
	now := s.Now()
	from := o.standing.From
	if from.IsZero() {
		from = now
	}
	for _, x := range o.standing.Objective.Exclusions {
		e := Exclusion{Reason: x.Reason, Past: []Interval{}}
		if e.Schedule = x.Schedule.String(); e.Schedule != "" {
			e.Duration, e.TimeZone = config.FormatDuration(x.Duration), x.TimeZone.String()
		}
		for _, i := range x.Between(from, now.Add(longestExclusion)) {
			switch at := (Interval{i.From.UTC(), i.To.UTC()}); {
			case !i.To.After(now):
				e.Past = append(e.Past, at)
			case !i.From.After(now):
				e.Running = &at
			}
		}
		e.Next = next(x, now)
		slices.Reverse(e.Past)
		e.Past = e.Past[:min(len(e.Past), maxPast)]
		out = append(out, e)
	}
	return out
}

// next returns what an exclusion excludes first of what begins after now, nil
// for nothing within a year.
func next(x slo.Exclusion, now time.Time) *Interval {
	for _, far := range ahead {
		for _, i := range x.Between(now, now.Add(far+longestExclusion)) {
			// One that runs begins where the asking does.
			if i.From.After(now) {
				return &Interval{i.From.UTC(), i.To.UTC()}
			}
		}
	}
	return nil
}

// A Culprit is where bad events came from.
type Culprit struct {
	Service   string `json:"service"`
	Operation string `json:"operation"`
	ErrorType string `json:"error_type"`
	// Values are those of the dimensions that the configuration adds, in its order.
	Values    []string `json:"values"`
	BadEvents uint64   `json:"bad_events"`
}

// Culprits are where the bad events of days came from, most first.
type Culprits struct {
	// From and To are the whole days of UTC that are looked at.
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	BadEvents uint64    `json:"bad_events"`
	Culprits  []Culprit `json:"culprits"`
	// Rest are the bad events of those that are not told apart.
	Rest uint64 `json:"rest"`
}

// maxCulprits is how many culprits are told apart.
const maxCulprits = 25

// culprits answers where the bad events of an objective came from.
func (s *Server) culprits(r *http.Request) (any, error) {
	query, err := parameters(r, "service", "from", "to")
	if err != nil {
		return nil, err
	}
	running, o, _, err := s.one(r, query)
	if err != nil {
		return nil, err
	}
	from, to, err := s.period(query, o)
	if err != nil {
		return nil, err
	}
	return s.culpritsOf(running, o, from, to)
}

func (s *Server) culpritsOf(running *Running, o Objective, from, to time.Time) (Culprits, error) {
	const day = 24 * time.Hour
	from = from.UTC().Truncate(day)
	out := Culprits{From: from, To: to.UTC().Add(day - 1).Truncate(day), Culprits: []Culprit{}}
	type key struct{ service, operation, errorType, values string }
	sums := map[key]*Culprit{}
	err := running.View(func(tx *state.Tx) error {
		for at := out.From; at.Before(out.To); at = at.Add(day) {
			found, err := running.Ledger.Culprits(tx, o.SLO, o.Service, at)
			if err != nil {
				return err
			}
			out.Rest += found.Rest
			for _, c := range found.Top {
				k := key{c.Service, c.Operation, c.ErrorType, ""}
				for _, v := range c.Values {
					k.values += v + "\x00"
				}
				if sums[k] == nil {
					sums[k] = &Culprit{Service: c.Service, Operation: c.Operation, ErrorType: c.ErrorType, Values: append([]string{}, c.Values...)}
				}
				sums[k].BadEvents += c.Bad
			}
		}
		return nil
	})
	if err != nil {
		return Culprits{}, err
	}
	for _, c := range sums {
		out.Culprits = append(out.Culprits, *c)
		out.BadEvents += c.BadEvents
	}
	out.BadEvents += out.Rest
	slices.SortFunc(out.Culprits, compareCulprits)
	for _, c := range out.Culprits[min(len(out.Culprits), maxCulprits):] {
		out.Rest += c.BadEvents
	}
	out.Culprits = out.Culprits[:min(len(out.Culprits), maxCulprits)]
	return out, nil
}
