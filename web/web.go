// Package web is what people and programs read from the daemon besides its
// metrics: the pages, the JSON API under /api/v1/ with the OpenAPI file that
// describes it, and badges.
//
// Its place in the flow is between those who say what the counts owe and the
// command:
//
//	source ← sli ← slo ← {rules, dashboards, slo/report} ← web ← cmd/traceslo
//
// Pages and API say the same, because both are made of the same answers: the
// types Status, Objective, Feed and Config, with what they hold. An answer is
// made when it is asked for, of the ledger, of the feed's Snapshot and of the
// metrics of the reading, so that nothing here can disagree with them, and
// nothing is reckoned that slo can reckon.
//
// It only reads: no request changes anything. Whatever came from spans or from
// a store's errors is hostile: pages isolate and escape it, and show what hides
// in it (internal/harmless). Pages need no script, and their policy allows none
// but the file that refreshes them.
//
// It leaves the drawing of plots to internal/plot, /metrics and everything that
// changes the daemon to cmd/traceslo, and listening, TLS and authentication to
// whom that asks.
package web

import (
	"net/http"
	"time"

	"github.com/klauspost/compress/gzhttp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
	"github.com/traceslo/traceslo/source"
)

// Options are what a Server is made of. All fields are required but where they say so.
type Options struct {
	// Running returns what is at work, nil until the state is loaded.
	Running func() *Running
	// Reading gathers the metrics of source and of the configuration's reading.
	Reading prometheus.Gatherer
	// Version says what serves this, in one line.
	Version string
	// Now is the time; time.Now if it is nil.
	Now func() time.Time
	Log zerolog.Logger
}

// Running is what is at work by one configuration.
type Running struct {
	Ledger *slo.Ledger
	// View reads the state file that the ledger lies in.
	View func(func(*state.Tx) error) error
	// Readers says how far several readers are added up, nil for one that reads
	// all, of which Share is nil too: this one's part.
	Readers *Readers
	Share   *Share
	// Feed tells how far was read.
	Feed func() source.Snapshot
	// Progress tells how far a catching up came, nil if none goes on.
	Progress func() *source.Progress
	Links    slo.Links
	// Rules says how the rules of objectives are made.
	Rules rules.Config
	// Report says what reports say of error budgets, Dimensions how those of
	// culprits are called, in order.
	Report     report.Config
	Dimensions []string
	// Poll is the time between two looks at the source.
	Poll time.Duration
	// Configuration returns the configuration in effect as YAML, secrets masked.
	Configuration func() ([]byte, error)
	// Mask takes out of a text what must not be seen.
	Mask func(string) string
	// About says what is read, where the configuration does not; it may be empty.
	About string
	// Refused returns what the configuration was refused for when it was last
	// read, nil if it was taken.
	Refused func() *Refusal
}

// A Refusal is why a configuration was not taken.
type Refusal struct {
	At time.Time `json:"at"`
	// Faults are what is wrong, each with its place and cure; at least one.
	Faults []string `json:"faults"`
}

// A Server answers requests. It is safe for use by several goroutines.
type Server struct {
	Options
	sparks sparks
	// reports holds what a report under way put into it: one at a time.
	reports chan struct{}
}

// New returns a server. It starts no goroutine.
func New(o Options) *Server {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{Options: o, reports: make(chan struct{}, 1)}
}

// A Route is what is answered at a pattern of http.ServeMux.
type Route struct {
	Pattern string
	Handler http.Handler
}

// Routes returns all that is answered. Answers are compressed for those who
// take them so: much of a table of objectives is the same in each row.
func (s *Server) Routes() []Route {
	routes := s.plainRoutes()
	for i := range routes {
		routes[i].Handler = gzhttp.GzipHandler(routes[i].Handler)
	}
	return routes
}

func (s *Server) plainRoutes() []Route {
	page := func(pattern string, handler func(*http.Request) (*view, error)) Route {
		return Route{pattern, s.page(handler)}
	}
	api := func(pattern string, handler func(*http.Request) (any, error)) Route {
		return Route{pattern, s.json(handler)}
	}
	return []Route{
		page("GET /{$}", s.overviewPage),
		page("GET /slo/{slo}", s.objectivePage),
		page("GET /feed", s.feedPage),
		page("GET /config", s.configPage),
		{"GET /badge/{file}", http.HandlerFunc(s.serveBadge)},
		{"GET /style.css", asset("text/css; charset=utf-8", style)},
		{"GET /refresh.js", asset("text/javascript; charset=utf-8", refresh)},
		{"GET /icon.svg", asset("image/svg+xml", icon)},
		api("GET /api/v1/status", s.status),
		api("GET /api/v1/objectives", s.objectives),
		api("GET /api/v1/objectives/{slo}", s.objective),
		api("GET /api/v1/objectives/{slo}/events", s.events),
		api("GET /api/v1/objectives/{slo}/culprits", s.culprits),
		api("GET /api/v1/objectives/{slo}/traces", s.traces),
		{"GET /api/v1/report", http.HandlerFunc(s.serveReport)},
		api("GET /api/v1/feed", s.feed),
		api("GET /api/v1/ledger", s.part),
		{"GET /api/v1/ledger/all", http.HandlerFunc(s.serveAll)},
		api("GET /api/v1/config", s.config),
		{"GET /api/v1/openapi.yaml", asset("application/yaml; charset=utf-8", openAPI)},
	}
}
