package web

import (
	"fmt"
	"net/http"
	"slices"
)

// one is what the page of an objective shows.
type one struct {
	Detail
	Charts   charts
	Culprits Culprits
	Traces   []Trace
	// Dimensions holds if a culprit has values of dimensions, whose names are names.
	Dimensions bool
	names      []string
}

// Dimension returns the name of a culprit's value; of one that was counted
// before the dimensions were others, it is only known which it was.
func (o one) Dimension(i int) string {
	if i < len(o.names) {
		return o.names[i]
	}
	return fmt.Sprintf("dimension %d", i+1)
}

func (s *Server) objectivePage(r *http.Request) (*view, error) {
	running := s.Running()
	if running == nil {
		return nil, errNotReady
	}
	query, err := parameters(r, "service", "label", "q", "state", "page")
	if err != nil {
		return nil, err
	}
	all, upto := s.all(running, s.Now())
	name, service := r.PathValue("slo"), query.Get("service")
	of := find(all, name, service)
	switch {
	case len(of) == 0:
		return nil, s.missing(all, name, service)
	case len(of) > 1:
		f, page, err := readFilter(r)
		if err != nil {
			return nil, err
		}
		return s.overviewOf(running, find(all, name, ""), upto, name, f, page)
	}
	o := of[0]
	d, err := s.detail(running, o, upto)
	if err != nil {
		return nil, err
	}
	p := one{Detail: d, names: running.Dimensions}
	if p.Charts, err = s.charts(running, o); err != nil {
		return nil, err
	}
	if o.To != nil {
		if p.Culprits, err = s.culpritsOf(running, o, *o.From, *o.To); err != nil {
			return nil, err
		}
	}
	if p.Traces, err = s.tracesOf(running, o); err != nil {
		return nil, err
	}
	p.Dimensions = slices.ContainsFunc(p.Culprits.Culprits, func(c Culprit) bool { return len(c.Values) > 0 })
	return &view{title: o.SLO, template: "objective", at: "objective", data: p}, nil
}
