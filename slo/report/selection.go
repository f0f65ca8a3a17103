package report

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/traceslo/traceslo/internal/harmless"
	"github.com/traceslo/traceslo/internal/nearest"
	"github.com/traceslo/traceslo/slo"
)

// An UnknownError is a name that no objective has.
type UnknownError struct {
	Name string
	// Nearest are names that were probably meant, the likeliest first.
	Nearest []string
	// Others are some of those that there are, if none of them is near.
	Others []string
}

func (e *UnknownError) Error() string {
	list := func(names []string) string { return harmless.Text(strings.Join(names, ", ")) }
	switch {
	case len(e.Nearest) > 0:
		return fmt.Sprintf("there is no objective %q; did you mean %s?", e.Name, list(e.Nearest))
	case len(e.Others) > 0:
		return fmt.Sprintf("there is no objective %q; there are %s", e.Name, list(e.Others))
	}
	return fmt.Sprintf("there is no objective %q, nor any other; write some into slos of the configuration", e.Name)
}

// maxNearest is how many names are offered in the place of one that nobody has.
const maxNearest = 5

// selected returns the records of the names, all without any.
func selected(records []slo.Record, names []string) ([]slo.Record, error) {
	if len(names) == 0 {
		return records, nil
	}
	var found []slo.Record
	seen := map[string]bool{}
	for _, r := range records {
		if slices.Contains(names, r.SLO) || slices.Contains(names, r.Objective.Name) {
			found = append(found, r)
		}
		seen[r.SLO], seen[r.Objective.Name] = true, true
	}
	for _, name := range names {
		if !seen[name] {
			known := slices.Sorted(maps.Keys(seen))
			unknown := &UnknownError{Name: name, Nearest: nearest.Words(name, known, maxNearest)}
			if len(unknown.Nearest) == 0 {
				unknown.Others = known[:min(len(known), maxNearest)]
			}
			return nil, unknown
		}
	}
	return found, nil
}
