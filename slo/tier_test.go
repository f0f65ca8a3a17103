package slo_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/slo"
)

// tiersOf writes tiers as people speak of them.
func tiersOf(tiers []slo.Tier) []string {
	var lines []string
	for _, t := range tiers {
		lines = append(lines, fmt.Sprintf("%s %s/%s × %s", t.Severity, slo.FormatWindow(t.Long), slo.FormatWindow(t.Short), t.BurnRate))
	}
	return lines
}

func TestStandardTiers(t *testing.T) {
	workbook := []string{"page 1h/5m × 14.4", "page 6h/30m × 6", "ticket 1d/2h × 3", "ticket 3d/6h × 1"}
	days := func(n int) slo.Window { return slo.Window{Rolling: time.Duration(n) * 24 * time.Hour} }
	tests := map[string]struct {
		window slo.Window
		want   []string
	}{
		"30 days are the workbook's":        {days(30), workbook},
		"a calendar month is 30 days":       {slo.Window{Calendar: slo.Month}, workbook},
		"28 days keep the windows":          {days(28), []string{"page 1h/5m × 13.44", "page 6h/30m × 5.6", "ticket 1d/2h × 2.8", "ticket 3d/6h × 0.933"}},
		"31 days keep the windows":          {days(31), []string{"page 1h/5m × 14.88", "page 6h/30m × 6.2", "ticket 1d/2h × 3.1", "ticket 3d/6h × 1.033"}},
		"a week has shorter windows":        {days(7), []string{"page 14m/1m × 14.4", "page 84m/7m × 6", "ticket 336m/28m × 3", "ticket 1008m/84m × 1"}},
		"so has the calendar's":             {slo.Window{Calendar: slo.Week}, []string{"page 14m/1m × 14.4", "page 84m/7m × 6", "ticket 336m/28m × 3", "ticket 1008m/84m × 1"}},
		"a quarter has longer ones":         {slo.Window{Calendar: slo.Quarter}, []string{"page 3h/15m × 14.4", "page 18h/90m × 6", "ticket 3d/6h × 3", "ticket 9d/18h × 1"}},
		"a year has longer ones":            {slo.Window{Calendar: slo.Year}, []string{"page 730m/61m × 14.4", "page 73h/365m × 6", "ticket 292h/1460m × 3", "ticket 876h/73h × 1"}},
		"a day has windows of minutes":      {days(1), []string{"page 2m/1m × 14.4", "page 12m/1m × 6", "ticket 48m/4m × 3", "ticket 144m/12m × 1"}},
		"27 days are rounded to minutes":    {days(27), []string{"page 54m/5m × 14.4", "page 324m/27m × 6", "ticket 1296m/108m × 3", "ticket 3888m/324m × 1"}},
		"a rounded window changes its rate": {slo.Window{Rolling: 10 * time.Hour}, []string{"page 2m/1m × 6", "page 5m/1m × 6", "ticket 20m/2m × 3", "ticket 1h/5m × 1"}},
		"no window is shorter than 2m":      {slo.Window{Rolling: time.Hour}, []string{"page 2m/1m × 0.6", "ticket 2m/1m × 3", "ticket 6m/1m × 1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, tiersOf(slo.StandardTiers(test.window))); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestStandardTiersSpendTheirShare holds that whatever the window, burning at a
// tier's rate for its long window spends exactly the share of the budget that
// the tier stands for, but for the last thousandth of the rate.
func TestStandardTiersSpendTheirShare(t *testing.T) {
	random := rand.New(rand.NewPCG(4, 5))
	for range 20_000 {
		w := slo.Window{Rolling: time.Duration(1+random.IntN(400*1440)) * time.Minute}
		for i, tier := range slo.StandardTiers(w) {
			share := 0.1
			if tier.Severity == slo.PageSeverity {
				share = []float64{0.02, 0.05}[i]
			}
			if tier.Short < time.Minute || tier.Short >= tier.Long || tier.Short%time.Minute != 0 || tier.Long%time.Minute != 0 {
				t.Fatalf("%s: the windows %v and %v", w, tier.Short, tier.Long)
			}
			lastThousandth := 0.0005 * float64(tier.Long) / float64(w.Rolling)
			if off := math.Abs(tier.Share(w) - share); off > lastThousandth*1.000001 {
				t.Fatalf("%s: %s spends %v of the budget, want %v", w, tiersOf([]slo.Tier{tier}), tier.Share(w), share)
			}
		}
	}
}

func TestTierListLeavesOutWhatIsDisabled(t *testing.T) {
	own := []slo.Tier{{Severity: "page", Long: time.Hour, Short: 5 * time.Minute, BurnRate: 2000}, {Severity: "ticket", Long: 6 * time.Hour, Short: time.Hour, BurnRate: 1000}}
	off := slo.Severity{Disabled: true}
	tests := map[string]struct {
		alerting slo.Alerting
		tiers    []string
		windows  []time.Duration
	}{
		"nothing is disabled": {slo.Alerting{}, []string{"page 1h/5m × 14.4", "page 6h/30m × 6", "ticket 1d/2h × 3", "ticket 3d/6h × 1"},
			[]time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour, 72 * time.Hour}},
		"own tiers":            {slo.Alerting{Tiers: own}, []string{"page 1h/5m × 2", "ticket 6h/1h × 1"}, []time.Duration{5 * time.Minute, time.Hour, 6 * time.Hour}},
		"pages are disabled":   {slo.Alerting{Tiers: own, Page: off}, []string{"ticket 6h/1h × 1"}, []time.Duration{time.Hour, 6 * time.Hour}},
		"tickets are disabled": {slo.Alerting{Ticket: off}, []string{"page 1h/5m × 14.4", "page 6h/30m × 6"}, []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 6 * time.Hour}},
		"all is disabled":      {slo.Alerting{Tiers: own, Disabled: true}, nil, nil},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			o := slo.Objective{Window: slo.Window{Rolling: 30 * 24 * time.Hour}, Alerting: test.alerting}
			if diff := cmp.Diff(test.tiers, tiersOf(o.TierList())); diff != "" {
				t.Errorf("tiers, -want +got\n%s", diff)
			}
			if diff := cmp.Diff(test.windows, o.AlertWindows()); diff != "" {
				t.Errorf("windows, -want +got\n%s", diff)
			}
			if len(own) != 2 || own[0].Severity != "page" || own[1].Severity != "ticket" {
				t.Fatalf("the list that was given became %v", own)
			}
		})
	}
}
