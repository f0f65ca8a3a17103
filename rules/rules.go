// Package rules says to Prometheus what objectives owe: it makes rule files of
// them, with recorded ratios and burn rates, and alerts, and beside these the
// alerts of the platform and of the daemon's own health.
//
// Its place in the flow is at the end, beside dashboards and slo/report:
//
//	source ← sli ← slo ← {rules, dashboards, slo/report} ← cmd/traceslo
//
// It is pure: no clock, no log, no file; the same objectives give the same
// bytes, in whatever order they come. It leaves the counting within windows to
// the ledger of slo, whose gauges the rules divide, and writing files to
// cmd/traceslo. What it returns was checked as Prometheus checks it.
//
// The rules hold for one daemon, for a pair that reads the same, and for shards
// that each read a part: everything is the greatest over the readers of a shard
// and the sum over shards.
package rules

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/traceslo/traceslo/slo"
)

// A Format is what rules are written as.
type Format string

// The formats.
const (
	// Prometheus: rule files, as named under rule_files in prometheus.yml.
	Prometheus Format = "prometheus"
	// Operator: PrometheusRule resources of the Prometheus Operator.
	Operator Format = "operator"
)

// Formats lists every format.
var Formats = []Format{Prometheus, Operator}

// A File is a file that is to be written whole.
type File struct {
	// Name has no folder.
	Name    string
	Content []byte
}

// The names of the files.
const (
	objectivesFile = "traceslo-slos.yaml"
	platformFile   = "traceslo-platform.yaml"
	inhibitionFile = "alertmanager-inhibition.yaml"
)

// A maker makes rules. It holds what they have in common.
type maker struct {
	links slo.Links
	cfg   Config
}

// Render returns the rules of the objectives, those of the platform and the
// daemon's health, and what Alertmanager needs to mute an alert by another:
// three files, sorted by name, or two for the Operator if there is no objective,
// as a file without a resource is none. The objectives are valid and resolved
// (Objective.With), their names unique.
//
// The error names the objective of which a rule would be refused, as for an
// annotation of the user's own that is no template.
func Render(objectives []slo.Objective, links slo.Links, cfg Config, format Format) ([]File, error) {
	if !slices.Contains(Formats, format) {
		return nil, fmt.Errorf("rules as %q: no such format; choose one of %q", format, Formats)
	}
	m := &maker{links: links, cfg: cfg}
	var sets []set
	for _, o := range objectives {
		sets = append(sets, set{name: o.Name, of: fmt.Sprintf("objective %q", o.Name), groups: []ruleGroup{m.group(&o)}})
	}
	slices.SortFunc(sets, func(a, b set) int { return cmp.Compare(a.name, b.name) })
	platform := set{of: "the platform", groups: m.platform()}

	inhibition, err := encode(inhibitionHeader, inhibitions())
	if err != nil {
		return nil, err
	}
	files := []File{{inhibitionFile, inhibition}}
	for _, f := range []struct {
		name string
		sets []set
	}{{platformFile, []set{platform}}, {objectivesFile, sets}} {
		if len(f.sets) == 0 && format == Operator {
			continue
		}
		content, err := m.render(f.sets, format)
		if err != nil {
			return nil, err
		}
		files = append(files, File{f.name, content})
	}
	return files, nil
}

// Objective returns the rules of one objective, as they stand in the file of
// Prometheus. The objective is as Render wants it.
func Objective(o slo.Objective, links slo.Links, cfg Config) ([]byte, error) {
	m := &maker{links: links, cfg: cfg}
	return m.render([]set{{name: o.Name, of: fmt.Sprintf("objective %q", o.Name), groups: []ruleGroup{m.group(&o)}}}, Prometheus)
}

// group returns the rules of an objective. Recordings come first: rules are
// evaluated in order, so that no alert is an evaluation behind. The label of
// the objective tells its rules from those of others before they are evaluated.
func (m *maker) group(o *slo.Objective) ruleGroup {
	s := newSubject(o)
	g := ruleGroup{Name: "traceslo-slo-" + o.Name, Rules: slices.Concat(recordings(s), m.alerts(s))}
	for i := range g.Rules {
		if g.Rules[i].Labels == nil {
			g.Rules[i].Labels = map[string]string{}
		}
		g.Rules[i].Labels[slo.ObjectiveLabel] = o.Name
	}
	return g
}

// A set is groups of rules that belong together.
type set struct {
	// name is that of the objective, "" for the platform.
	name string
	// of says whose they are.
	of     string
	groups []ruleGroup
}

// render returns the sets as one file, once Prometheus would take their rules.
func (m *maker) render(sets []set, format Format) ([]byte, error) {
	all := ruleFile{Groups: []ruleGroup{}}
	for _, s := range sets {
		all.Groups = append(all.Groups, s.groups...)
	}
	if err := check(sets); err != nil {
		return nil, err
	}
	if format == Operator {
		return encode(rulesHeader, m.resources(sets)...)
	}
	return encode(rulesHeader, all)
}
