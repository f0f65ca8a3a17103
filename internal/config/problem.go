package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A Problem is a Fault and where it stands.
type Problem struct {
	File string
	// Line counts from 1; it is 0 where the file holds nothing to point at.
	Line int
	// Fault's Path is that from the root of the file.
	Fault
}

// String returns the problem as file:line: path: problem; cure, and says that
// it is a warning if it is one.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Warning {
		b.WriteString("warning: ")
	}
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Problem)
	if p.Cure != "" {
		b.WriteString("; " + p.Cure)
	}
	return b.String()
}

// Errors are the Problems of a file for which it is refused, by line.
type Errors []Problem

// Error returns the problems, one a line.
func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, problem := range e {
		lines[i] = problem.String()
	}
	return strings.Join(lines, "\n")
}

// Include notes problems of other files that this one names.
func (d *Document) Include(problems ...Problem) { d.problems = append(d.problems, problems...) }

// Problems returns what is wrong with the file, as known so far, by line, and
// then what is wrong with those it includes.
func (d *Document) Problems() []Problem {
	sorted := slices.Clone(d.problems)
	other := func(p Problem) int {
		if p.File == d.file {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(sorted, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(other(a), other(b)), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Path, b.Path))
	})
	return sorted
}

// Err returns the Problems that are no warnings as Errors, nil if there is none.
func (d *Document) Err() error {
	faults := slices.DeleteFunc(d.Problems(), func(p Problem) bool { return p.Warning })
	if len(faults) == 0 {
		return nil
	}
	return Errors(faults)
}

// Warnings returns the Problems that are warnings.
func (d *Document) Warnings() []Problem {
	return slices.DeleteFunc(d.Problems(), func(p Problem) bool { return !p.Warning })
}
