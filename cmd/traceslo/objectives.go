package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/openslo"
)

// minRetention holds the longest tier of an objective of a month.
const minRetention = 3 * 24 * time.Hour

// checkObjectives brings the objectives of slos and slos_from together and
// notes what is wrong with them, each where it stands.
func (l *loaded) checkObjectives() {
	l.document.Check("slo_retention", checkRetention(l.SLORetention))
	l.document.Check("alerting", l.Alerting.Validate(l.SLORetention))
	foreign := l.readOpenSLO()
	all := slices.Clone(l.SLOs)
	for _, f := range foreign {
		all = append(all, f.Objective)
	}
	var ours []config.Fault
	for _, fault := range slo.Validate(all, slo.ValidateOptions{Retention: l.SLORetention, Dimensions: l.SLI.Dimensions, Defaults: l.Alerting}) {
		place, rest := listPlace(fault.Path)
		if place < len(l.SLOs) {
			ours = append(ours, fault)
			continue
		}
		fault.Path = rest
		l.document.Include(foreign[place-len(l.SLOs)].Problem(fault))
	}
	l.document.Check("slos", ours)
	l.objectives = make([]slo.Objective, len(all))
	for i, o := range all {
		l.objectives[i] = o.With(l.Alerting)
	}
}

// listPlace takes a path such as "[3].window" apart.
func listPlace(path string) (place int, rest string) {
	number, rest, _ := strings.Cut(strings.TrimPrefix(path, "["), "]")
	place, _ = strconv.Atoi(number)
	return place, strings.TrimPrefix(rest, ".")
}

func checkRetention(retention time.Duration) []config.Fault {
	const longest = 10 * 366 * 24 * time.Hour
	if retention < minRetention || retention > longest {
		return []config.Fault{{Problem: config.FormatDuration(retention) + " is no time to keep minutes for", Cure: "write from 3d to 3660d, as in 400d"}}
	}
	return nil
}

// readOpenSLO reads the files that slos_from names, relative to the folder of
// the configuration.
func (l *loaded) readOpenSLO() []openslo.Loaded {
	var paths []string
	for i, pattern := range l.SLOsFrom {
		at := fmt.Sprintf("[%d]", i)
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(filepath.Dir(l.document.File()), pattern)
		}
		matches, err := filepath.Glob(pattern)
		switch {
		case err != nil:
			l.document.Check("slos_from", []config.Fault{{Path: at, Problem: "is no pattern of files", Cure: "write one as openslo/*.yaml"}})
		case len(matches) == 0:
			l.document.Check("slos_from", []config.Fault{{Path: at, Problem: "no file matches", Cure: "correct it; it is read from the folder of this file"}})
		}
		paths = append(paths, matches...)
	}
	result := openslo.Load(paths, os.LookupEnv)
	l.document.Include(result.Problems...)
	return result.Objectives
}
