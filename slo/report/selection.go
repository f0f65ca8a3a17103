package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/harmless"
	"github.com/traceslo/traceslo/slo"
)

// An UnknownError is a name that no objective has.
type UnknownError struct {
	Name string
	// Nearest are names that there are, the likeliest first.
	Nearest []string
}

func (e *UnknownError) Error() string {
	if len(e.Nearest) == 0 {
		return fmt.Sprintf("there is no objective %q, nor any other; write some into slos of the configuration", e.Name)
	}
	return fmt.Sprintf("there is no objective %q; there are %s", e.Name, harmless.Text(strings.Join(e.Nearest, ", ")))
}

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
			known := []string{}
			for there := range seen {
				known = append(known, there)
			}
			return nil, &UnknownError{name, config.Nearest(name, known, 5)}
		}
	}
	return found, nil
}
