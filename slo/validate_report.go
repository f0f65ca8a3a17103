package slo

import "github.com/traceslo/traceslo/internal/config"

// A report gathers faults of what is at path. Make it with newReport.
type report struct {
	path  string
	found *[]config.Fault
}

func newReport() report { return report{found: new([]config.Fault)} }

// in returns a report for what is at path within, which gathers into r.
func (r report) in(path string) report { return report{r.join(path), r.found} }

func (r report) join(path string) string {
	if r.path == "" || path == "" || path[0] == '[' {
		return r.path + path
	}
	return r.path + "." + path
}

func (r report) add(f config.Fault) {
	f.Path = r.join(f.Path)
	*r.found = append(*r.found, f)
}

func (r report) fault(path, problem, cure string) {
	r.add(config.Fault{Path: path, Problem: problem, Cure: cure})
}

func (r report) warn(path, problem, cure string) {
	r.add(config.Fault{Path: path, Problem: problem, Cure: cure, Warning: true})
}
