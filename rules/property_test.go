package rules_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"
	"gopkg.in/yaml.v3"

	"github.com/traceslo/traceslo/rules"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
)

// A generator makes configurations that validation takes, as odd as they get.
type generator struct{ *rand.Rand }

func pick[T any](g generator, from ...T) T { return from[g.IntN(len(from))] }

// hostile are texts that break out of whatever quotes them badly.
var hostile = []string{"plain", "", `"`, `'`, "`", `\`, "{{", "}}", "{{ .Labels }}", "{{ $value }}", "{{ end }}", "{", "{{{", `a"} or vector(1) #`, "two\nlines", " spaces ",
	"tab\there", "ünïcødé 🚀", "%s%d%q", "$1", "yes", "0123", "null", "- a: b", "# no comment", "{slo}", "\u2028", "a: b", "&x *y !z", "\r\n", "\x7f"}

func (g generator) text() string { return pick(g, hostile...) + pick(g, hostile...) }

func (g generator) name(n int) string {
	const letters = "abcXYZ019._-"
	b := []byte{letters[g.IntN(6)]}
	for range g.IntN(40) {
		b = append(b, letters[g.IntN(len(letters))])
	}
	return fmt.Sprintf("%s%d", b, n)
}

func (g generator) table() map[string]string {
	table := map[string]string{}
	for range g.IntN(4) {
		table[pick(g, "team", "_x", "severity", "slo", "tier", "service", "sloth_id", "A1", "alertname")] = g.text()
	}
	return table
}

// templates are annotations of the user's own, which are templates.
func (g generator) templates() map[string]string {
	return map[string]string{pick(g, "summary", "note", "runbook_url"): pick(g, "{{ $labels.slo }}", "text", `{{ $value | humanizePercentage }} "of" {{ $labels.service }}`, "a\nb")}
}

func (g generator) objective(n int) slo.Objective {
	o := slo.Objective{
		Name: g.name(n), Service: pick(g, "shop", "ml-pipeline", g.text()+"x"), Description: g.text(), Labels: g.table(),
		SLI: pick(g, sli.Indicator{Availability: &sli.Availability{}}, sli.Indicator{Latency: &sli.Latency{Threshold: time.Duration(1+g.IntN(1e7)) * time.Microsecond}},
			sli.Indicator{SuccessWithin: &sli.SuccessWithin{Threshold: 5 * time.Second}}),
		ForEach:        pick(g, "", "", "service", "operation", "user.plan"),
		Target:         slo.Target(1 + g.Int64N(999_999_999)),
		Window:         pick(g, slo.Window{Rolling: time.Duration(1+g.IntN(400*1440)) * time.Minute}, slo.Window{Rolling: 30 * 24 * time.Hour}, slo.Window{Calendar: pick(g, slo.Week, slo.Month, slo.Quarter, slo.Year)}),
		ExpectsTraffic: g.IntN(2) == 0,
		Alerting: slo.Alerting{
			Disabled: g.IntN(8) == 0, MinEvents: g.IntN(100), MinFailures: g.IntN(10), UnmeasuredAfter: time.Duration(g.IntN(100)) * time.Minute,
			Page:       slo.Severity{Disabled: g.IntN(8) == 0, Labels: g.table(), Annotations: g.templates()},
			Ticket:     slo.Severity{Disabled: g.IntN(8) == 0, Labels: g.table(), Annotations: g.templates()},
			RunbookURL: pick(g, "", "https://example.org/{slo}/{service}?{{", g.text()),
		},
	}
	if o.ForEach == "service" {
		o.Service = ""
	}
	for i := range g.IntN(4) {
		short := time.Duration(1+g.IntN(1000)) * time.Minute
		o.Alerting.Tiers = append(o.Alerting.Tiers, slo.Tier{
			Severity: pick(g, slo.PageSeverity, slo.TicketSeverity), Short: short, Long: short + time.Duration(1+1000*i+g.IntN(1000))*time.Minute, BurnRate: slo.Factor(1 + g.IntN(1_000_000)),
		})
	}
	return o
}

func (g generator) config() rules.Config {
	c := rules.Default()
	c.Job = g.text() + "x"
	c.Labels = map[string]string{pick(g, "team", "cluster", "_x"): g.text()}
	c.SourceStaleAfter = time.Duration(1+g.IntN(100)) * time.Minute
	c.HighTraceLatency = rules.HighTraceLatency{Disabled: g.IntN(5) == 0, Threshold: time.Duration(1+g.IntN(1e9)) * time.Microsecond,
		Quantile: 0.001 + 0.998*g.Float64(), For: time.Duration(g.IntN(1000)) * time.Second}
	c.TraceErrorRate = rules.TraceErrorRate{Disabled: g.IntN(5) == 0, Ratio: rules.Ratio(1 + g.IntN(999_999_999)), For: time.Duration(g.IntN(1000)) * time.Second}
	return c
}

// TestGeneratedConfigurations holds what every output has, whatever it is made of.
func TestGeneratedConfigurations(t *testing.T) {
	for seed := range uint64(200) {
		g := generator{rand.New(rand.NewPCG(seed, 4))}
		cfg := g.config()
		if faults := cfg.Validate(); len(faults) > 0 {
			t.Fatalf("seed %d: the generator makes a configuration with faults: %v", seed, faults)
		}
		var objectives []slo.Objective
		for i := range g.IntN(4) {
			objectives = append(objectives, g.objective(i))
		}
		own := slo.Links{Status: pick(g, "", "https://example.org/x/", "https://example.org/{{"), Jaeger: pick(g, "", "https://jaeger.example.org")}
		files := render(t, objectives, own, cfg, rules.Prometheus)

		g.Shuffle(len(objectives), func(i, j int) { objectives[i], objectives[j] = objectives[j], objectives[i] })
		again := render(t, objectives, own, cfg, rules.Prometheus)
		resources := render(t, objectives, own, cfg, rules.Operator)
		for name, content := range files {
			if !bytes.Equal(content, again[name]) {
				t.Errorf("seed %d: %s depends on the order of the objectives", seed, name)
			}
			if name == "alertmanager-inhibition.yaml" {
				continue
			}
			groups := parse(t, content)
			checkGroups(t, seed, groups)
			checkResources(t, seed, resources[name], groups)
		}
	}
}

func parse(t *testing.T, content []byte) []rulefmt.RuleGroup {
	t.Helper()
	groups, errs := rulefmt.Parse(content, false, model.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
	if len(errs) > 0 {
		t.Fatalf("%v in\n%s", errs, content)
	}
	return groups.Groups
}

// checkGroups holds that nothing stands twice, that a rule asks for nothing
// that is recorded after it, and that a user's text is nowhere a template.
func checkGroups(t *testing.T, seed uint64, groups []rulefmt.RuleGroup) {
	t.Helper()
	seen := map[string]bool{}
	for _, group := range groups {
		recordings, recorded := map[string]bool{}, map[string]bool{}
		for _, rule := range group.Rules {
			if rule.Record != "" {
				recordings[rule.Record] = true
			}
		}
		for _, rule := range group.Rules {
			// promtool check rules calls two of these the same.
			key := rule.Record + rule.Alert + fmt.Sprint(rule.Labels)
			if seen[key] {
				t.Errorf("seed %d: %q has two rules %s", seed, group.Name, key)
			}
			seen[key] = true
			for _, name := range metrics(t, rule.Expr) {
				if recordings[name] && !recorded[name] {
					t.Errorf("seed %d: %q: %s%s asks for %s before it is recorded", seed, group.Name, rule.Record, rule.Alert, name)
				}
			}
			recorded[rule.Record] = true
			if rule.Alert == "" {
				continue
			}
			for _, label := range []string{"slo", "service", "sloth_id", "alertname"} {
				if _, ok := rule.Labels[label]; ok {
					t.Errorf("seed %d: %q: a user's label takes the place of %s", seed, group.Name, label)
				}
			}
			for label, value := range rule.Labels {
				if strings.Contains(strings.ReplaceAll(value, `{{"{"}}`, ""), "{") {
					t.Errorf("seed %d: %q: the label %s is a template: %q", seed, group.Name, label, value)
				}
			}
		}
	}
}

// metrics returns the names of the series that an expression asks for.
func metrics(t testing.TB, expr string) []string {
	t.Helper()
	parsed, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	var names []string
	parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
		if selector, ok := n.(*parser.VectorSelector); ok {
			names = append(names, selector.Name)
		}
		return nil
	})
	return names
}

var subdomain = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`)

// checkResources holds that the resources have the groups of the rule file, in
// its order, under names that Kubernetes takes.
func checkResources(t *testing.T, seed uint64, content []byte, groups []rulefmt.RuleGroup) {
	t.Helper()
	names := map[string]bool{}
	decoder := yaml.NewDecoder(bytes.NewReader(content))
	for {
		var resource struct {
			APIVersion, Kind string `yaml:",omitempty"`
			Metadata         struct{ Name string }
			Spec             yaml.Node
		}
		if err := decoder.Decode(&resource); err == io.EOF {
			break
		} else if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		name := resource.Metadata.Name
		if names[name] || !subdomain.MatchString(name) || len(name) > 253 {
			t.Errorf("seed %d: %q is no name, or that of another", seed, name)
		}
		names[name] = true
		spec, err := yaml.Marshal(&resource.Spec)
		if err != nil {
			t.Fatal(err)
		}
		for _, group := range parse(t, spec) {
			if len(groups) == 0 || groups[0].Name != group.Name || len(groups[0].Rules) != len(group.Rules) {
				t.Fatalf("seed %d: %q is not the next group of the rule file", seed, group.Name)
			}
			groups = groups[1:]
		}
	}
	if len(groups) > 0 {
		t.Errorf("seed %d: the resources lack %d groups", seed, len(groups))
	}
}
