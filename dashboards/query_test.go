package dashboards_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/traceslo/traceslo/slo"
)

// choices returns what may be chosen: with a native histogram or a classic one,
// all of everything, and names that break out of whatever quotes them badly.
func choices() []grafana {
	var all []grafana
	for _, histogram := range []string{slo.DurationMetric, slo.DurationMetric + "_bucket"} {
		for _, values := range [][]string{{"api-gateway"}, {"api-gateway", "ml-pipeline"}, {`a"} or vector(1) #`}, {`'`, `"`}, {`\`, `a\"b`}, {"$service", "[[slo]]"}, {"{{service}}", "${slo}"}, {"GET /matches/{id}"}, {".+"}} {
			one := values[:1]
			all = append(all, grafana{
				"__rate_interval": {"1m"}, "__range": {"3600s"}, "datasource": {"uid"}, "histogram": {histogram},
				"service": values, "operation": values, "kind": values, "instance": values, "slo": one,
			})
		}
	}
	return all
}

func TestQuestionsParse(t *testing.T) {
	known := knownMetrics(t)
	for uid, d := range boards(t, demo(t)) {
		asked := questions(t, d)
		if len(asked) < 10 {
			t.Errorf("%s asks only %d questions", uid, len(asked))
		}
		for _, q := range asked {
			for _, choice := range choices() {
				checkQuestion(t, uid+": "+q.of, choice.replace(t, q.expr), q, known)
			}
		}
	}
}

// checkQuestion holds that a query parses and that all it names is there.
func checkQuestion(t *testing.T, what, expr string, q question, known metricLabels) {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Errorf("%s: %v in\n%s", what, err, expr)
		return
	}
	seen := map[string]bool{}
	grouping := []string{}
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.VectorSelector:
			checkSelector(t, what, n, known, seen)
		case *parser.AggregateExpr:
			grouping = append(grouping, n.Grouping...)
		case *parser.BinaryExpr:
			if n.VectorMatching != nil {
				grouping = append(append(grouping, n.VectorMatching.MatchingLabels...), n.VectorMatching.Include...)
			}
		}
		return nil
	})
	for _, label := range append(grouping, q.label) {
		// There is a shard only where several share the reading, and a tier is made by the query.
		if label != "" && label != slo.ShardLabel && label != "pod" && !seen[label] && !(label == "le" && strings.Contains(q.expr, "histogram")) {
			t.Errorf("%s: nothing it asks for has the label %s:\n%s", what, label, expr)
		}
	}
}

func checkSelector(t *testing.T, what string, s *parser.VectorSelector, known metricLabels, seen map[string]bool) {
	t.Helper()
	found := false
	for _, name := range slices.Sorted(maps.Keys(known)) {
		if !named(s, name) {
			continue
		}
		found = true
		maps.Copy(seen, known[name])
		for _, m := range s.LabelMatchers {
			if m.Name != model.MetricNameLabel && !known[name][m.Name] {
				t.Errorf("%s: %s has no label %s", what, name, m.Name)
			}
		}
	}
	if !found {
		t.Errorf("%s: there is no metric %s", what, s)
	}
}

func named(s *parser.VectorSelector, name string) bool {
	for _, m := range s.LabelMatchers {
		if m.Name == model.MetricNameLabel {
			return m.Matches(name)
		}
	}
	return false
}

// TestHostileObjectivesBreakNothing gives objectives names that validation would
// refuse, and looks at what becomes of them.
func TestHostileObjectivesBreakNothing(t *testing.T) {
	names := []string{`"`, `\`, `$service`, `${slo}`, `[[slo]]`, `{{slo}}`, `a"} or vector(1) #`, "a|b", ".*", "two\nlines", "`", "'", "ünïcødé"}
	s := demo(t)
	template := s.SLOs[1]
	s.SLOs = nil
	for _, name := range names {
		o := template
		o.Name, o.Service, o.Description = name, name, name
		s.SLOs = append(s.SLOs, o)
	}
	known := knownMetrics(t)
	matched := map[string]bool{}
	for uid, d := range boards(t, s) {
		for _, q := range questions(t, d) {
			for _, choice := range choices() {
				expr := choice.replace(t, q.expr)
				checkQuestion(t, uid+": "+q.of, expr, q, known)
				for _, m := range objectiveMatchers(t, expr) {
					for _, name := range names {
						matched[name] = matched[name] || m.Matches(name)
					}
					if m.Matches("a") || m.Matches("anything") || m.Matches("") {
						t.Errorf("%s: %s: %s matches what is no objective", uid, q.of, m)
					}
				}
			}
		}
	}
	for _, name := range names {
		if !matched[name] {
			t.Errorf("no tier is drawn for %q", name)
		}
	}
}

func objectiveMatchers(t *testing.T, expr string) (found []*labels.Matcher) {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatal(err)
	}
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		if s, ok := n.(*parser.VectorSelector); ok {
			for _, m := range s.LabelMatchers {
				if m.Name == slo.ObjectiveLabel {
					found = append(found, m)
				}
			}
		}
		return nil
	})
	return found
}
