package slo

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/sli"
)

// ValidateOptions are what objectives are held against.
type ValidateOptions struct {
	// Retention is how long the ledger keeps its minutes; 0 asks for no check.
	Retention time.Duration
	// Dimensions are those of the section sli.
	Dimensions []sli.Dimension
	// Defaults is the section alerting. Its own faults are not said here, but
	// by Alerting.Validate.
	Defaults Alerting
}

// Validate returns everything that is wrong with objectives, as they were
// written and before With, or probably not meant. Paths begin with the place in
// the list, as in "[3].objective".
func Validate(objectives []Objective, options ValidateOptions) []config.Fault {
	r := newReport()
	for i := range objectives {
		objectives[i].validate(r.in(fmt.Sprintf("[%d]", i)), options)
	}
	validateUnique(r, objectives)
	return *r.found
}

const (
	// maxName bounds names, which stand in every series of an objective.
	maxName = 100
	// maxForEach bounds how many objectives one can make.
	maxForEach = 10_000
)

var nameForm = regexp.MustCompile(`^[a-zA-Z0-9]([a-zA-Z0-9._-]*[a-zA-Z0-9])?$`)

func (o *Objective) validate(r report, options ValidateOptions) {
	switch {
	case o.Name == "":
		r.fault("name", "there is no name", "write one, as in checkout-availability")
	case len(o.Name) > maxName:
		r.fault("name", fmt.Sprintf("the name has %d characters", len(o.Name)), fmt.Sprintf("write at most %d", maxName))
	case !nameForm.MatchString(o.Name):
		r.fault("name", fmt.Sprintf("%q is not a name", o.Name), `use letters, digits, ".", "_" and "-", and begin and end with a letter or a digit`)
	}
	o.validateService(r)
	validateLabels(r.in("labels"), o.Labels, objectiveLabels)
	for _, f := range o.SLI.Validate() {
		r.in("sli").add(f)
	}
	o.validateForEach(r, options.Dimensions)
	if o.Target == 0 {
		r.fault("objective", "there is no objective", "write a percentage, as in 99.9%")
	}
	windowIsSound := o.Window.validate(r.in("window"), options.Retention)
	o.Alerting.validate(r.in("alerting"), options.Retention)
	if o.Target > 0 && o.Target < whole && windowIsSound {
		o.validateTiers(r, options.Defaults)
	}
	validateExclusions(r.in("exclusions"), o.Exclusions)
}

func (o *Objective) validateService(r report) {
	switch {
	case o.ForEach == forEachService && o.Service != "":
		r.fault("service", "for_each: service makes an objective for each service that is seen", "leave service out; sli.match says which services count")
	case o.ForEach != forEachService && o.Service == "":
		r.fault("service", "there is no service", "write whose objective it is, or for_each: service")
	case strings.TrimSpace(o.Service) != o.Service, strings.ContainsFunc(o.Service, unicode.IsControl):
		r.fault("service", fmt.Sprintf("%q begins or ends with a space, or holds a control character", o.Service), "write the service's name as its spans have it")
	}
}

func (o *Objective) validateForEach(r report, dimensions []sli.Dimension) {
	values := []string{"service", "operation"}
	for _, d := range dimensions {
		values = append(values, d.Label)
	}
	if o.ForEach != "" && !slices.Contains(values, o.ForEach) {
		cure := "write one of " + strings.Join(values, ", ") + ", or add a dimension to sli.dimensions"
		for _, d := range dimensions {
			if d.Tag == o.ForEach {
				cure = fmt.Sprintf("write %s, which is the label that sli.dimensions gives to this tag", d.Label)
			}
		}
		r.fault("for_each", fmt.Sprintf("%q has no values to make objectives for", o.ForEach), cure)
	}
	switch {
	case o.ForEachLimit < 0 || o.ForEachLimit > maxForEach:
		r.fault("for_each_limit", fmt.Sprintf("%d is not a limit", o.ForEachLimit), fmt.Sprintf("write a number from 1 to %d", maxForEach))
	case o.ForEachLimit > 0 && o.ForEach == "":
		r.fault("for_each_limit", "there is no for_each to be limited", "leave it out, or write for_each")
	}
}

// validateUnique says which objectives cannot be told apart, at each of them.
func validateUnique(r report, objectives []Objective) {
	bySlug, byID := map[string][]*Objective{}, map[string][]*Objective{}
	for i := range objectives {
		o := &objectives[i]
		bySlug[o.Slug()] = append(bySlug[o.Slug()], o)
		byID[o.ID()] = append(byID[o.ID()], o)
	}
	for i := range objectives {
		o, path := &objectives[i], fmt.Sprintf("[%d].name", i)
		if o.Name == "" {
			continue
		}
		const cure = "write another name for one of them"
		if other := otherThan(o, bySlug[o.Slug()]); other != nil && other.Name == o.Name {
			r.fault(path, fmt.Sprintf("%q is the name of another objective, too", o.Name), cure)
		} else if other != nil {
			r.fault(path, fmt.Sprintf("%q and %q are both %q where only letters and digits are allowed", o.Name, other.Name, o.Slug()), cure)
		} else if other := otherThan(o, byID[o.ID()]); other != nil {
			r.fault(path, fmt.Sprintf("service and name make %q, as those of %q do", o.ID(), other.Name), cure)
		}
	}
}

// otherThan returns the first of those that is not o, nil if there is none.
func otherThan(o *Objective, those []*Objective) *Objective {
	for _, other := range those {
		if other != o {
			return other
		}
	}
	return nil
}

// labelName is what every Prometheus and every rule can name without quotes.
var labelName = regexp.MustCompile(`^[a-zA-Z_][a-zA-Z0-9_]*$`)

// alertLabels are labels that stand on our series or that every alert has from
// its rule, and objectiveLabels are those and the one that a severity may set.
var (
	alertLabels     = []string{SLOLabel, ServiceLabel, WindowLabel, ShardLabel, "alertname", "le", "objective", "target", "description", "tier"}
	objectiveLabels = append([]string{"severity"}, alertLabels...)
)

func validateLabels(r report, labels map[string]string, reserved []string) {
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		switch {
		case !labelName.MatchString(name):
			r.fault(config.KeyPath(name), fmt.Sprintf("%q is not a label's name", name), "use letters, digits and underscores, as in team")
		case strings.HasPrefix(name, "__"):
			r.fault(config.KeyPath(name), fmt.Sprintf("%q is kept for Prometheus itself", name), "write a name that does not begin with two underscores")
		case strings.HasPrefix(name, "sloth_") || slices.Contains(reserved, name):
			r.fault(config.KeyPath(name), fmt.Sprintf("%q is a label that traceslo sets", name), "write another name")
		}
	}
}
