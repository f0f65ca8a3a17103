package report_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo/report"
)

// told is what a report in JSON says, read by names that are written here.
type told struct {
	Schema     string
	Objectives []struct {
		SLO      string
		Events   uint64
		Bad      uint64                 `json:"bad_events"`
		Ratio    *float64               `json:"achieved_ratio"`
		Budget   map[string]*float64    `json:"error_budget"`
		Verdict  struct{ State string } `json:"verdict"`
		Coverage map[string]*float64    `json:"coverage"`
		Previous struct {
			Events uint64
			Bad    uint64 `json:"bad_events"`
		}
		Series []struct {
			From, To time.Time
			Events   uint64
			Bad      uint64   `json:"bad_events"`
			Left     *float64 `json:"budget_left_ratio"`
		}
		Days      []jsonStretch `json:"worst_days"`
		Hours     []jsonStretch `json:"worst_hours"`
		Incidents []struct {
			From, To time.Time
			Events   uint64
			Bad      uint64 `json:"bad_events"`
			Tiers    []struct {
				Long    string
				Minutes int
			}
		}
		Culprits struct {
			Bad uint64 `json:"bad_events"`
			Top []struct {
				Service, Operation string
				ErrorType          string `json:"error_type"`
				Bad                uint64 `json:"bad_events"`
			}
			Rest uint64
		}
		Exclusions []struct{ Count, Minutes int }
	}
}

type jsonStretch struct {
	From   time.Time
	Events uint64
	Bad    uint64 `json:"bad_events"`
}

func TestFiguresEqualARecount(t *testing.T) {
	w := october(t)
	r := w.build(autumn, "2026-10", zone(t, "Europe/Madrid"))
	madrid := zone(t, "Europe/Madrid").Location()
	var got told
	if err := json.Unmarshal(written(t, r, report.JSON), &got); err != nil {
		t.Fatal(err)
	}
	all := recounts(t, w)
	if got.Schema != "traceslo.report/v1" || len(got.Objectives) != len(all) {
		t.Fatalf("%d objectives under %q", len(got.Objectives), got.Schema)
	}
	month, before := within("2026-10", madrid), within("2026-09", madrid)
	if len(month) != 31*1440+60 {
		t.Fatalf("the month has %d minutes", len(month))
	}
	equal := func(name, what string, got, want any) {
		t.Helper()
		if diff := gocmp.Diff(want, got); diff != "" {
			t.Errorf("%.20s: %s: -recount +report\n%s", name, what, diff)
		}
	}
	near := func(name, what string, got *float64, want float64) {
		t.Helper()
		if got == nil || *got-want > 1e-9 || want-*got > 1e-9 {
			t.Errorf("%.20s: %s is %v, want %v", name, what, got, want)
		}
	}
	incidents := 0
	for _, o := range got.Objectives {
		c := all[o.SLO]
		if c == nil {
			t.Fatalf("nobody knows %q", o.SLO)
		}
		events, bad := c.sum(month)
		equal(o.SLO, "events", []uint64{o.Events, o.Bad}, []uint64{events, bad})
		wasEvents, wasBad := c.sum(before)
		equal(o.SLO, "events before", []uint64{o.Previous.Events, o.Previous.Bad}, []uint64{wasEvents, wasBad})
		state := "no_data"
		if events > 0 {
			left := 1 - float64(bad)/float64(events)/(1-c.target)
			near(o.SLO, "achieved", o.Ratio, 1-float64(bad)/float64(events))
			near(o.SLO, "left", o.Budget["left_ratio"], left)
			near(o.SLO, "spent", o.Budget["spent_ratio"], 1-left)
			near(o.SLO, "allowed", o.Budget["allowed_bad_events"], float64(events)*(1-c.target))
			switch {
			case left <= 0:
				state = "exhausted"
			case left < 0.25:
				state = "at_risk"
			default:
				state = "within_budget"
			}
		} else if o.Ratio != nil || o.Budget["left_ratio"] != nil {
			t.Errorf("%s has a ratio of no event", o.SLO)
		}
		equal(o.SLO, "state", o.Verdict.State, state)

		kinds := map[string]float64{}
		for _, m := range month {
			switch {
			case c.excluded(m):
				kinds["excluded"]++
			case !c.measured(m):
				kinds["unmeasured"]++
			case c.told[c.key][m].Events == 0:
				kinds["idle"]++
			default:
				kinds["measured"]++
			}
		}
		for _, kind := range []string{"measured", "idle", "unmeasured", "excluded"} {
			near(o.SLO, kind, o.Coverage[kind+"_minutes"], kinds[kind])
		}
		minutes := 0
		for _, x := range o.Exclusions {
			minutes += x.Minutes
		}
		equal(o.SLO, "exclusions", minutes, int(kinds["excluded"]))

		var steps, days, hours []stretch
		total := uint64(0)
		for _, s := range o.Series {
			var in []int64
			for m := s.From.Unix() / 60; m < s.To.Unix()/60; m++ {
				in = append(in, m)
			}
			e, b := c.sum(in)
			total += b
			equal(o.SLO, "step", []uint64{s.Events, s.Bad}, []uint64{e, b})
			if s.Left != nil {
				near(o.SLO, "left after a step", s.Left, 1-float64(total)/float64(events)/(1-c.target))
			} else if slices.ContainsFunc(in, c.measured) && events > 0 {
				t.Errorf("%s: what is left at %s is not told", o.SLO, s.To)
			}
			steps = append(steps, stretch{})
		}
		if len(steps) != 125 || !o.Series[124].To.Equal(time.Unix(month[len(month)-1]*60+60, 0)) {
			t.Errorf("%s: there are %d steps", o.SLO, len(steps))
		}
		day := func(at time.Time) string { return at.In(madrid).Format(time.DateOnly) }
		hour := func(at time.Time) string { return at.In(madrid).Format("2006-01-02 15 MST") }
		for _, s := range o.Days {
			days = append(days, stretch{day(s.From), s.Events, s.Bad})
		}
		for _, s := range o.Hours {
			hours = append(hours, stretch{hour(s.From), s.Events, s.Bad})
		}
		options := gocmp.Options{gocmp.AllowUnexported(stretch{}), cmpopts.EquateEmpty()}
		if diff := gocmp.Diff(c.worst(month, day), days, options); diff != "" {
			t.Errorf("%s: worst days: %s", o.SLO, diff)
		}
		if diff := gocmp.Diff(c.worst(month, hour), hours, options); diff != "" {
			t.Errorf("%s: worst hours: %s", o.SLO, diff)
		}

		var burning []string
		for _, i := range o.Incidents {
			e, b := c.sum(spanOf(i.From, i.To))
			equal(o.SLO, "incident", []uint64{i.Events, i.Bad}, []uint64{e, b})
			line := fmt.Sprint(i.From.Unix()/60, i.To.Unix()/60)
			for _, tier := range i.Tiers {
				line += fmt.Sprintf(" %s:%d", tier.Long, tier.Minutes)
			}
			burning = append(burning, line)
		}
		equal(o.SLO, "incidents", burning, c.incidents(month))
		incidents += len(burning)

		blamed := map[sli.Culprit]uint64{}
		sum := uint64(0)
		for day := month[0] / 1440; day <= month[len(month)-1]/1440; day++ {
			for who, n := range c.blamed[c.key][day] {
				blamed[who] += n
				sum += n
			}
		}
		rest := o.Culprits.Rest
		for _, top := range o.Culprits.Top {
			equal(o.SLO, "culprit "+top.Operation, top.Bad, blamed[sli.Culprit{Service: top.Service, Operation: top.Operation, ErrorType: top.ErrorType, Values: "premium\x00\x00"}])
			rest += top.Bad
		}
		equal(o.SLO, "culprits", []uint64{o.Culprits.Bad, rest}, []uint64{sum, sum})
	}
	if incidents == 0 {
		t.Error("nothing burnt, so that nothing was compared")
	}
	otherFormats(t, r, all, month, before)
}
