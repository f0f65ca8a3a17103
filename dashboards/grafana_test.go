package dashboards_test

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// A grafana is what is chosen on a board, by the names of variables. It puts the
// values into texts as Grafana does (packages/grafana-prometheus/src/escaping.ts
// and public/app/features/variables of Grafana 12), as far as boards ask for it.
type grafana map[string][]string

var (
	// reference is what Grafana takes for a variable.
	reference = regexp.MustCompile(`\$(\w+)|\[\[(\w+?)(?::(\w+))?\]\]|\$\{(\w+)(?:\.([^:^}]+))?(?::([^}]+))?\}`)
	regexMeta = regexp.MustCompile(`[\\^$*+?.()|[\]{}/]`)
)

// all stands for the choice of everything, which no format changes.
const all = ".+"

// replace returns a text with all variables replaced; one that nobody knows
// fails the test.
func (g grafana) replace(t *testing.T, text string) string {
	t.Helper()
	return reference.ReplaceAllStringFunc(text, func(found string) string {
		m := reference.FindStringSubmatch(found)
		name, format := m[1]+m[2]+m[4], m[3]+m[6]
		values, ok := g[name]
		if m[5] != "" {
			values, ok = g[name+"."+m[5]]
		}
		if !ok {
			t.Errorf("%s is no variable, in %s", found, text)
			return found
		}
		if slices.Equal(values, []string{all}) {
			return all
		}
		switch format {
		case "raw":
			return strings.Join(values, ",")
		case "regex":
			escaped := make([]string, len(values))
			for i, v := range values {
				escaped[i] = regexMeta.ReplaceAllString(v, `\$0`)
			}
			if len(escaped) == 1 {
				return escaped[0]
			}
			return "(" + strings.Join(escaped, "|") + ")"
		case "percentencode":
			return strings.ReplaceAll(url.QueryEscape(strings.Join(values, ",")), "+", "%20")
		case "queryparam":
			return "var-" + name + "=" + url.QueryEscape(strings.Join(values, ","))
		case "":
			return strings.NewReplacer(`\`, `\\`, `'`, `\\'`).Replace(strings.Join(values, ","))
		}
		t.Errorf("%s asks for a format that this test does not know", found)
		return found
	})
}

// A question is what a board asks Prometheus.
type question struct {
	// of says which panel, annotation or variable asks; panel is its title.
	of, panel string
	expr      string
	// label is not empty if it asks for the values of a label of a selector.
	label   string
	instant bool
}

var labelValues = regexp.MustCompile(`(?s)^label_values\((.+), ([a-zA-Z_][a-zA-Z0-9_]*)\)$`)

// questions returns everything that a board asks.
func questions(t *testing.T, d dashboard.Dashboard) []question {
	t.Helper()
	var asked []question
	for _, p := range panels(d) {
		for i, target := range p.Targets {
			q := query(t, target)
			asked = append(asked, question{of: fmt.Sprintf("panel %q, query %c", *p.Title, 'A'+i), panel: *p.Title, expr: q.Expr, instant: q.Instant != nil && *q.Instant})
		}
	}
	for _, a := range d.Annotations.List {
		asked = append(asked, question{of: fmt.Sprintf("annotation %q", a.Name), panel: a.Name, expr: query(t, a.Target).Expr})
	}
	for _, v := range d.Templating.List {
		if v.Type != dashboard.VariableTypeQuery {
			continue
		}
		text := *v.Query.String
		m := labelValues.FindStringSubmatch(text)
		if m == nil || *v.Definition != text {
			t.Errorf("variable %s asks %q", v.Name, text)
			continue
		}
		asked = append(asked, question{of: fmt.Sprintf("variable %q", v.Name), panel: v.Name, expr: m[1], label: m[2]})
	}
	return asked
}

func query(t *testing.T, target any) prometheus.Dataquery {
	t.Helper()
	switch q := target.(type) {
	case prometheus.Dataquery:
		return q
	case *prometheus.Dataquery:
		return *q
	}
	t.Fatalf("got a query of type %T, want one for Prometheus", target)
	return prometheus.Dataquery{}
}
