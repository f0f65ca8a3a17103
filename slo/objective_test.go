package slo_test

import (
	"regexp"
	"testing"
	"time"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
)

func TestIDIsServiceAndName(t *testing.T) {
	for want, o := range map[string]slo.Objective{
		"cart-availability": {Service: "cart", Name: "availability"},
		"availability":      {Name: "availability", ForEach: "service"},
	} {
		if got := o.ID(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestSlugHasLettersDigitsAndHyphens(t *testing.T) {
	for name, want := range map[string]string{"API.Gateway_p99": "api-gateway-p99", "a._-b": "a-b", "x": "x"} {
		if got := (&slo.Objective{Name: name}).Slug(); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
}

// TestFingerprintIsOfWhatIsJudged holds that the history of an objective
// outlives all changes but that of what it judges.
func TestFingerprintIsOfWhatIsJudged(t *testing.T) {
	base := func() slo.Objective {
		return slo.Objective{Name: "a", Service: "cart", Target: 999_000_000, SLI: sli.Indicator{Latency: &sli.Latency{Threshold: time.Second}}}
	}
	first := base()
	was := first.Fingerprint()
	if !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(was) {
		t.Fatalf("got %q", was)
	}
	tests := map[string]struct {
		change func(*slo.Objective)
		same   bool
	}{
		"nothing":      {func(*slo.Objective) {}, true},
		"another name": {func(o *slo.Objective) { o.Name = "b" }, true},
		"all that is said of the counts": {func(o *slo.Objective) {
			o.Service, o.Description, o.Labels = "shop", "d", map[string]string{"team": "a"}
			o.Target, o.Window, o.ExpectsTraffic, o.ForEachLimit = 5, slo.Window{Rolling: time.Hour}, true, 7
			o.Alerting.Disabled, o.Exclusions = true, []slo.Exclusion{{Reason: "r"}}
		}, true},
		"a threshold": {func(o *slo.Objective) { o.SLI.Latency.Threshold = time.Minute }, false},
		"a kind": {func(o *slo.Objective) {
			o.SLI = sli.Indicator{SuccessWithin: &sli.SuccessWithin{Threshold: time.Second}}
		}, false},
		"a match":  {func(o *slo.Objective) { o.SLI.Latency.Match.RootOnly = true }, false},
		"for each": {func(o *slo.Objective) { o.ForEach = "service" }, false},
	}
	for name, test := range tests {
		o := base()
		test.change(&o)
		if got := o.Fingerprint(); (got == was) != test.same {
			t.Errorf("%s: was %s, is %s", name, was, got)
		}
	}
}
