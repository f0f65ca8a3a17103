package rules_test

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/template"
)

// epoch is when the first sample of a test is scraped.
var epoch = time.Date(2026, time.February, 1, 0, 0, 0, 0, time.UTC)

// A prometheus evaluates rule files as Prometheus does, once a minute, over
// series that are given beforehand.
type prometheus struct {
	t      testing.TB
	loader *promqltest.LazyLoader
	groups []rulefmt.RuleGroup
	// recorded are the series that the last evaluation of a rule made.
	recorded map[*rulefmt.Rule]map[string]labels.Labels
	// since are when the alerts of a rule became active.
	since map[*rulefmt.Rule]map[string]time.Time
	next  time.Time
	// firing are the alerts of the last evaluation, in order of evaluation.
	firing []alert
}

// An alert is one that fires.
type alert struct {
	name                string
	labels, annotations map[string]string
}

// String returns the name and what tells the alert apart.
func (a alert) String() string {
	text := a.name
	for _, label := range []string{"severity", "tier", "slo", "service", "instance", "job", "shard", "reason", "limit"} {
		if v := a.labels[label]; v != "" {
			text += fmt.Sprintf(" %s=%s", label, v)
		}
	}
	return text
}

// newPrometheus starts one with rule files and series, a sample a minute in the
// notation of promqltest: `up{job="x"} 1x10 _ 0`.
func newPrometheus(t testing.TB, series []string, files ...[]byte) *prometheus {
	t.Helper()
	p := &prometheus{t: t, next: epoch, recorded: map[*rulefmt.Rule]map[string]labels.Labels{}, since: map[*rulefmt.Rule]map[string]time.Time{}}
	for _, f := range files {
		groups, errs := rulefmt.Parse(f, false, model.LegacyValidation, parser.NewParser(parser.Options{}), slog.New(slog.DiscardHandler))
		if len(errs) > 0 {
			t.Fatal(errs)
		}
		p.groups = append(p.groups, groups.Groups...)
	}
	var err error
	p.loader, err = promqltest.NewLazyLoader("load 1m\n  "+strings.Join(series, "\n  "), promqltest.LazyLoaderOpts{
		EnableAtModifier: true, EnableNegativeOffset: true, StartTime: epoch,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.loader.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

// run evaluates the rules up to a time after the first sample.
func (p *prometheus) run(until time.Duration) {
	p.t.Helper()
	for ; !p.next.After(epoch.Add(until)); p.next = p.next.Add(time.Minute) {
		p.loader.WithSamplesTill(p.next, func(err error) {
			if err != nil {
				p.t.Fatal(err)
			}
		})
		p.firing = nil
		for i := range p.groups {
			for j := range p.groups[i].Rules {
				if rule := &p.groups[i].Rules[j]; rule.Record != "" {
					p.record(rule)
				} else {
					p.alert(rule)
				}
			}
		}
	}
}

// skip leaves out the evaluations before a time: no alert waits since then, and
// no rule asks for what was recorded then.
func (p *prometheus) skip(until time.Duration) { p.next = epoch.Add(until) }

// query evaluates an expression at the present evaluation.
func (p *prometheus) query(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
	q, err := p.loader.QueryEngine().NewInstantQuery(ctx, p.loader.Queryable(), nil, expr, at)
	if err != nil {
		return nil, err
	}
	defer q.Close()
	result := q.Exec(ctx)
	if result.Err != nil {
		return nil, fmt.Errorf("%s: %w", expr, result.Err)
	}
	vector, err := result.Vector()
	for i := range vector {
		vector[i].Metric = vector[i].Metric.Copy()
	}
	return slices.Clone(vector), err
}

// evaluate returns what a rule's expression is, with the rule's labels, and
// holds it against what is never right.
func (p *prometheus) evaluate(rule *rulefmt.Rule) promql.Vector {
	p.t.Helper()
	vector, err := p.query(p.t.Context(), rule.Expr, p.next)
	if err != nil {
		p.t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, sample := range vector {
		name := rule.Record
		if name == "" {
			name = rule.Alert
		}
		if math.IsNaN(sample.F) {
			p.t.Errorf("%s: %s is NaN", p.next, name)
		}
		b := labels.NewBuilder(sample.Metric)
		b.Del(model.MetricNameLabel)
		for _, label := range slices.Sorted(maps.Keys(rule.Labels)) {
			b.Set(label, p.expand(rule, rule.Labels[label], sample))
		}
		vector[i].Metric = b.Labels()
		if key := vector[i].Metric.String(); seen[key] {
			p.t.Errorf("%s: %s has %s twice", p.next, name, key)
		} else {
			seen[key] = true
		}
	}
	return vector
}

func (p *prometheus) record(rule *rulefmt.Rule) {
	p.t.Helper()
	now := map[string]labels.Labels{}
	app := p.loader.Storage().AppenderV2(p.t.Context())
	add := func(l labels.Labels, v float64) {
		if _, err := app.Append(0, l, 0, p.next.UnixMilli(), v, nil, nil, storage.AOptions{}); err != nil {
			p.t.Fatal(err)
		}
	}
	for _, sample := range p.evaluate(rule) {
		l := labels.NewBuilder(sample.Metric).Set(model.MetricNameLabel, rule.Record).Labels()
		now[l.String()] = l
		add(l, sample.F)
	}
	for key, l := range p.recorded[rule] {
		if _, ok := now[key]; !ok {
			add(l, math.Float64frombits(value.StaleNaN))
		}
	}
	p.recorded[rule] = now
	if err := app.Commit(); err != nil {
		p.t.Fatal(err)
	}
}

func (p *prometheus) alert(rule *rulefmt.Rule) {
	p.t.Helper()
	active := map[string]time.Time{}
	for _, sample := range p.evaluate(rule) {
		key := sample.Metric.String()
		active[key] = p.next
		if since, ok := p.since[rule][key]; ok {
			active[key] = since
		}
		if p.next.Sub(active[key]) < time.Duration(rule.For) {
			continue
		}
		a := alert{name: rule.Alert, labels: sample.Metric.Map(), annotations: map[string]string{}}
		for name, text := range rule.Annotations {
			a.annotations[name] = p.expand(rule, text, sample)
		}
		p.firing = append(p.firing, a)
	}
	p.since[rule] = active
}

// expand does what Prometheus does with a label or an annotation.
func (p *prometheus) expand(rule *rulefmt.Rule, text string, sample promql.Sample) string {
	p.t.Helper()
	if rule.Alert == "" || !strings.Contains(text, "{{") {
		return text
	}
	const definitions = "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"
	expanded, err := template.NewTemplateExpander(p.t.Context(), definitions+text, rule.Alert,
		template.AlertTemplateData(sample.Metric.Map(), nil, "", sample), model.Time(p.next.UnixMilli()), p.query, &url.URL{}, nil).Expand()
	if err != nil {
		p.t.Errorf("%s: %v", rule.Alert, err)
	}
	return expanded
}

// wantFiring evaluates up to a time and holds the alerts that fire then against those wanted.
func (p *prometheus) wantFiring(at time.Duration, want ...string) {
	p.t.Helper()
	p.run(at)
	var got []string
	for _, a := range p.firing {
		got = append(got, a.String())
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		p.t.Errorf("alerts after %s (-want +got):\n%s", at, diff)
	}
}

// value returns the only value of an expression, NaN if there is none.
func (p *prometheus) value(expr string) float64 {
	p.t.Helper()
	vector, err := p.query(p.t.Context(), expr, p.next.Add(-time.Minute))
	switch {
	case err != nil:
		p.t.Fatal(err)
	case len(vector) == 0:
		return math.NaN()
	case len(vector) > 1:
		p.t.Fatalf("%s has several values: %v", expr, vector)
	}
	return vector[0].F
}

// want holds the only value of an expression at the last evaluation.
func (p *prometheus) want(expr string, want float64) {
	p.t.Helper()
	if got := p.value(expr); !(math.Abs(got-want) <= 1e-12) {
		p.t.Errorf("%s before %s: got %g, want %g", expr, p.next.Format(time.TimeOnly), got, want)
	}
}
