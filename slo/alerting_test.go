package slo_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/slo"
)

func TestWithFillsGaps(t *testing.T) {
	tiers := []slo.Tier{{Severity: "page", Long: time.Hour, Short: time.Minute, BurnRate: 2000}}
	others := []slo.Tier{{Severity: "ticket", Long: time.Hour, Short: time.Minute, BurnRate: 3000}}
	builtin := slo.Alerting{MinEvents: 10, MinFailures: 3, UnmeasuredAfter: 10 * time.Minute}
	section := slo.Alerting{
		Disabled: true, Tiers: tiers, MinEvents: 20, MinFailures: 5, UnmeasuredAfter: time.Hour, RunbookURL: "https://a.example",
		Page:   slo.Severity{Labels: map[string]string{"team": "a", "room": "1"}},
		Ticket: slo.Severity{Disabled: true, Annotations: map[string]string{"note": "a"}},
	}
	own := slo.Alerting{
		Tiers: others, MinEvents: 1, MinFailures: 2, UnmeasuredAfter: 2 * time.Minute, RunbookURL: "https://b.example",
		Page:   slo.Severity{Disabled: true, Labels: map[string]string{"team": "b"}},
		Ticket: slo.Severity{Annotations: map[string]string{"more": "b"}},
	}
	tests := map[string]struct{ objective, defaults, want slo.Alerting }{
		"nobody says anything":        {slo.Alerting{}, slo.Alerting{}, builtin},
		"the section says everything": {slo.Alerting{}, section, section},
		"the objective says everything": {own, section, slo.Alerting{
			Disabled: true, Tiers: others, MinEvents: 1, MinFailures: 2, UnmeasuredAfter: 2 * time.Minute, RunbookURL: "https://b.example",
			Page:   slo.Severity{Disabled: true, Labels: map[string]string{"team": "b", "room": "1"}},
			Ticket: slo.Severity{Disabled: true, Annotations: map[string]string{"note": "a", "more": "b"}},
		}},
		"the objective says one thing": {slo.Alerting{MinEvents: 50}, slo.Alerting{MinFailures: 7}, slo.Alerting{MinEvents: 50, MinFailures: 7, UnmeasuredAfter: 10 * time.Minute}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			filled := slo.Objective{Alerting: test.objective}.With(test.defaults)
			if diff := cmp.Diff(test.want, filled.Alerting); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
			if diff := cmp.Diff(filled.Alerting, filled.With(test.defaults).Alerting); diff != "" {
				t.Errorf("a second time, -first +second\n%s", diff)
			}
		})
	}
	if len(section.Page.Labels) != 2 || section.Page.Labels["team"] != "a" || len(own.Page.Labels) != 1 {
		t.Errorf("what was given became %v and %v", section, own)
	}
}

func TestWithLimitsWhatIsForEach(t *testing.T) {
	for name, test := range map[string]struct {
		objective slo.Objective
		want      int
	}{
		"a single objective":  {slo.Objective{}, 0},
		"for each":            {slo.Objective{ForEach: "service"}, 100},
		"for each with limit": {slo.Objective{ForEach: "service", ForEachLimit: 7}, 7},
	} {
		if got := test.objective.With(slo.Alerting{}).ForEachLimit; got != test.want {
			t.Errorf("%s: got %d, want %d", name, got, test.want)
		}
	}
}
