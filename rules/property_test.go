package rules_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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

// A configuration is one that the generator made, and what rules are made of it.
type configuration struct {
	seed       uint64
	objectives []slo.Objective
	links      slo.Links
	cfg        rules.Config
	// files are by format and name.
	files map[rules.Format]map[string][]byte
}

func newConfiguration(t *testing.T, seed uint64) configuration {
	t.Helper()
	g := generator{rand.New(rand.NewPCG(seed, 4))}
	c := configuration{seed: seed, cfg: g.config(), files: map[rules.Format]map[string][]byte{}}
	if faults := c.cfg.Validate(); len(faults) > 0 {
		t.Fatalf("seed %d: the generator makes a configuration with faults: %v", seed, faults)
	}
	for i := range g.IntN(4) {
		c.objectives = append(c.objectives, g.objective(i))
	}
	c.links = slo.Links{Status: pick(g, "", "https://example.org/x/", "https://example.org/{{"), Jaeger: pick(g, "", "https://jaeger.example.org")}
	for _, format := range rules.Formats {
		c.files[format] = render(t, c.objectives, c.links, c.cfg, format)
	}
	return c
}

// TestGeneratedConfigurations holds what every output has, whatever it is made
// of: 200 configurations, and the examples where real programs read them.
func TestGeneratedConfigurations(t *testing.T) {
	t.Parallel()
	var all []configuration
	for seed := range uint64(200) {
		all = append(all, newConfiguration(t, seed))
	}
	t.Run("their order does not matter", func(t *testing.T) {
		t.Parallel()
		for _, c := range all {
			reversed := slices.Clone(c.objectives)
			slices.Reverse(reversed)
			if len(reversed) < 2 {
				continue
			}
			for name, content := range render(t, reversed, c.links, c.cfg, rules.Prometheus) {
				if !bytes.Equal(content, c.files[rules.Prometheus][name]) {
					t.Errorf("seed %d: %s depends on the order of the objectives", c.seed, name)
				}
			}
		}
	})
	t.Run("their groups are right, and the same as resources", func(t *testing.T) {
		t.Parallel()
		for _, c := range all {
			for name, content := range c.files[rules.Prometheus] {
				if name == inhibitionFile {
					continue
				}
				groups := parse(t, content)
				checkGroups(t, c.seed, groups)
				checkResources(t, c.seed, c.files[rules.Operator][name], groups)
			}
		}
	})
	made := map[string]map[rules.Format]map[string][]byte{}
	for _, c := range all {
		made[fmt.Sprintf("seed %d", c.seed)] = c.files
	}
	for name, s := range examples(t) {
		var resolved []slo.Objective
		for _, o := range s.SLOs {
			resolved = append(resolved, o.With(s.Alerting))
		}
		made[name] = map[rules.Format]map[string][]byte{}
		for _, format := range rules.Formats {
			made[name][format] = render(t, resolved, s.Links, s.Rules, format)
		}
	}
	t.Run("promtool takes them", func(t *testing.T) { testPromtool(t, made) })
	t.Run("amtool takes them", func(t *testing.T) { testAmtool(t, made) })
	t.Run("Kubernetes takes them as resources", func(t *testing.T) { testKubeconform(t, made) })
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
			Spec             rulefmt.RuleGroups
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
		for _, group := range resource.Spec.Groups {
			if len(groups) == 0 {
				t.Fatalf("seed %d: %q is no group of the rule file", seed, group.Name)
			}
			if !reflect.DeepEqual(group, groups[0]) {
				t.Fatalf("seed %d: %q is not the next group of the rule file (-file +resource):\n%s", seed, group.Name, cmp.Diff(groups[0], group))
			}
			groups = groups[1:]
		}
	}
	if len(groups) > 0 {
		t.Errorf("seed %d: the resources lack %d groups", seed, len(groups))
	}
}
