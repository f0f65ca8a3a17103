package openslo

import (
	"strings"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/slo"
)

// A Loaded is an objective and the documents that it comes from.
type Loaded struct {
	Objective slo.Objective
	// places is where the parts of the objective stand; that of the whole has
	// the path "".
	places map[string]place
}

// A place is a value of a document.
type place struct {
	of   *document
	path string
}

// Problem returns what is wrong with the objective as a problem of the document
// that says it. The fault's path is one of the objective, as slo.Validate has it
// after the place in the list: "window", or "sli.latency.match.service[0]".
func (l Loaded) Problem(f config.Fault) config.Problem {
	around, rest := f.Path, ""
	at, ok := l.places[around]
	for !ok && around != "" {
		cut := max(0, strings.LastIndexAny(around, ".["))
		around, rest = around[:cut], around[cut:]+rest
		at, ok = l.places[around]
	}
	f.Path = strings.TrimPrefix(at.path+rest, ".")
	// What is said of the indicator may hold a value of the SLO, and each
	// document knows its own of the environment.
	for _, of := range []*document{l.places[""].of, at.of} {
		f.Problem, f.Cure = of.Mask(f.Problem), of.Mask(f.Cure)
	}
	return config.Problem{File: at.of.file, Line: at.of.Line(f.Path), Fault: f}
}
