package rules

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	texttemplate "text/template"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// functions are those that Prometheus has for templates, besides Go's own.
var functions = []string{
	"args", "externalURL", "first", "graphLink", "humanize", "humanize1024", "humanizeDuration", "humanizePercentage",
	"humanizeTimestamp", "label", "match", "now", "parseDuration", "pathPrefix", "query", "reReplaceAll", "safeHtml", "sortByLabel",
	"stripDomain", "stripPort", "strvalue", "tableLink", "title", "toDuration", "toLower", "toTime", "toUpper", "urlQueryEscape", "value",
}

// variables stand before each template, as Prometheus puts them there.
const variables = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"

// check returns what Prometheus would refuse, names as every version of it takes
// them. The error says of which set a rule is.
//
// Prometheus' own reader of rule files (model/rulefmt) says the same, which a
// test holds, but it brings the engine and Kubernetes' client with it: a sixth of
// the binary.
func check(sets []set) error {
	c := checker{parser: parser.NewParser(parser.Options{}), functions: texttemplate.FuncMap{}}
	for _, name := range functions {
		c.functions[name] = func() string { return "" } // Templates are read here, not run.
	}
	var errs []error
	groups := map[string]bool{}
	for _, s := range sets {
		for _, g := range s.groups {
			if g.Name == "" || groups[g.Name] {
				errs = append(errs, fmt.Errorf("%s: the name %q of its group is empty or another's", s.of, g.Name))
			}
			groups[g.Name] = true
			for _, r := range g.Rules {
				for _, err := range c.rule(r) {
					errs = append(errs, fmt.Errorf("%s: rule %q: %w", s.of, r.name(), err))
				}
			}
		}
	}
	if len(errs) > 0 {
		return fmt.Errorf("make rules: %w", errors.Join(errs...))
	}
	return nil
}

type checker struct {
	parser    parser.Parser
	functions texttemplate.FuncMap
}

// rule returns all that is wrong with a rule.
func (c checker) rule(r rule) []error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	switch {
	case (r.Record == "") == (r.Alert == ""):
		fault("it does not either record or alert")
	case r.Record != "" && !model.LegacyValidation.IsValidMetricName(r.Record):
		fault("record: %q is no name of a metric", r.Record)
	case r.Record != "" && (len(r.Annotations) > 0 || r.For != 0):
		fault("what is recorded has neither annotations nor for")
	}
	if _, err := c.parser.ParseExpr(r.Expr); err != nil {
		fault("expr: %w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(r.Labels)) {
		value := r.Labels[name]
		if !model.LegacyValidation.IsValidLabelName(name) || name == model.MetricNameLabel {
			fault("label %q: that is no name of a label", name)
		}
		if !model.LabelValue(value).IsValid() {
			fault("label %q: %q is not UTF-8", name, value)
		}
		if err := c.template(value); err != nil && r.Alert != "" {
			fault("label %q: %w", name, err)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Annotations)) {
		if !model.LegacyValidation.IsValidLabelName(name) {
			fault("annotation %q: that is no name of an annotation", name)
		}
		if err := c.template(r.Annotations[name]); err != nil && r.Alert != "" {
			fault("annotation %q: %w", name, err)
		}
	}
	return errs
}

// template returns why a text is no template.
func (c checker) template(text string) error {
	_, err := texttemplate.New("template").Funcs(c.functions).Parse(variables + text)
	return err
}
