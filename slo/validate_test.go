package slo_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
)

// A file is a configuration of objectives alone.
type file struct {
	SLOs     []slo.Objective `yaml:"slos"`
	Alerting slo.Alerting    `yaml:"alerting"`
}

// problemsOf reads a file and returns what is wrong with it, as people see it.
func problemsOf(text string) ([]slo.Objective, []string) {
	var f file
	d := config.Parse("f.yaml", []byte(text), func(string) (string, bool) { return "", false }, &f)
	const retention = 100 * 24 * time.Hour
	d.Check("alerting", f.Alerting.Validate(retention))
	d.Check("slos", slo.Validate(f.SLOs, slo.ValidateOptions{
		Retention:  retention,
		Dimensions: []sli.Dimension{{Tag: "user.plan", Label: "plan"}},
		Defaults:   f.Alerting,
	}))
	var lines []string
	for _, p := range d.Problems() {
		lines = append(lines, p.String())
	}
	return f.SLOs, lines
}

// objective returns a file of one objective, which is sound but for the lines
// given: each takes the place of the one with its key, or comes to the end. A
// line "no key" takes that one out.
func objective(changes ...string) string {
	lines := []string{"name: a", "service: cart", "sli: {availability: {}}", "objective: 99.9%", "window: 30d"}
	sound := len(lines)
	for _, change := range changes {
		key, _, _ := strings.Cut(change, ":")
		key, remove := strings.CutPrefix(key, "no ")
		i := slices.IndexFunc(lines[:sound], func(line string) bool { return strings.HasPrefix(line, key+":") })
		switch {
		case remove:
			lines, sound = slices.Delete(lines, i, i+1), sound-1
		case i >= 0:
			lines[i] = change
		default:
			lines = append(lines, change)
		}
	}
	return "slos:\n- " + strings.Join(lines, "\n  ") + "\n"
}

func TestValidateAccepts(t *testing.T) {
	tests := map[string]string{
		"no objective":                          "",
		"a plain objective":                     objective(),
		"a calendar's month":                    objective("window: {calendar: month, time_zone: Europe/Madrid}"),
		"a rolling section":                     objective("window: {rolling: 28d}"),
		"one for each service":                  objective("no service", "for_each: service", "for_each_limit: 50", "expects_traffic: true"),
		"one for each dimension":                objective("for_each: plan"),
		"one for each operation":                objective("for_each: operation"),
		"labels":                                objective("labels: {team: a, tier_name: b, _x: c}"),
		"severities with labels":                objective("alerting: {page: {labels: {severity: critical, team: a}, annotations: {summary: s}}, ticket: {disabled: true}}"),
		"own tiers":                             objective("alerting: {tiers: [{severity: page, long: 1h, short: 5m, burn_rate: 14.4}, {severity: ticket, long: 1h, short: 5m, burn_rate: 1}]}"),
		"a runbook":                             objective("alerting: {runbook_url: \"https://wiki.example.com/{service}/{slo}?x=1\"}"),
		"exclusions":                            objective("exclusions: [{from: 2026-03-29T02:00:00Z, to: 2026-03-29T02:00:01Z, reason: r}, {schedule: 0 3 * * SUN, duration: 2d, time_zone: Europe/Madrid, reason: r}]"),
		"tiers that could never fire, disabled": objective("objective: 50%", "alerting: {disabled: true}"),
	}
	for name, text := range tests {
		t.Run(name, func(t *testing.T) {
			if _, problems := problemsOf(text); len(problems) > 0 {
				t.Errorf("%s\n%s", text, strings.Join(problems, "\n"))
			}
		})
	}
}

func TestValidateRefuses(t *testing.T) {
	const setByUs = "is a label that traceslo sets; write another name"
	tests := map[string]struct {
		text string
		want []string
	}{
		"an objective that says nothing": {"slos:\n- description: d\n", []string{
			`f.yaml:2: slos[0].name: there is no name; write one, as in checkout-availability`,
			`f.yaml:2: slos[0].objective: there is no objective; write a percentage, as in 99.9%`,
			`f.yaml:2: slos[0].service: there is no service; write whose objective it is, or for_each: service`,
			`f.yaml:2: slos[0].sli: there is no indicator; write one of availability, latency, success_within, attribute`,
			`f.yaml:2: slos[0].window: there is no window; write for example 30d, or {calendar: month, time_zone: Europe/Madrid}`}},
		"texts that cannot be read, once each": {objective("objective: 99.9", "window: month", "exclusions: [{schedule: 0 3 30 2 *, duration: 1h, reason: r}]"), []string{
			`f.yaml:5: slos[0].objective: 99.9 has no unit; write 99.9%`,
			`f.yaml:6: slos[0].window: "month" is not a duration; write for example 30d, or {calendar: month, time_zone: Europe/Madrid}`,
			`f.yaml:7: slos[0].exclusions[0].schedule: "0 3 30 2 *" never comes; write a day that there is`}},
		"a name with spaces": {objective("name: my slo"), []string{
			`f.yaml:2: slos[0].name: "my slo" is not a name; use letters, digits, ".", "_" and "-", and begin and end with a letter or a digit`}},
		"a name that ends in a dot": {objective("name: a."), []string{
			`f.yaml:2: slos[0].name: "a." is not a name; use letters, digits, ".", "_" and "-", and begin and end with a letter or a digit`}},
		"a name like a book": {objective("name: " + strings.Repeat("a", 101)), []string{
			`f.yaml:2: slos[0].name: the name has 101 characters; write at most 100`}},
		"a name twice": {objective() + strings.TrimPrefix(objective(), "slos:\n"), []string{
			`f.yaml:2: slos[0].name: "a" is the name of another objective, too; write another name for one of them`,
			`f.yaml:7: slos[1].name: "a" is the name of another objective, too; write another name for one of them`}},
		"names that are one after sanitising": {objective("name: api.p99") + strings.TrimPrefix(objective("name: API_p99"), "slos:\n"), []string{
			`f.yaml:2: slos[0].name: "api.p99" and "API_p99" are both "api-p99" where only letters and digits are allowed; write another name for one of them`,
			`f.yaml:7: slos[1].name: "API_p99" and "api.p99" are both "api-p99" where only letters and digits are allowed; write another name for one of them`}},
		"services and names that are one together": {objective("service: a", "name: b-c") + strings.TrimPrefix(objective("service: a-b", "name: c"), "slos:\n"), []string{
			`f.yaml:2: slos[0].name: service and name make "a-b-c", as those of "c" do; write another name for one of them`,
			`f.yaml:7: slos[1].name: service and name make "a-b-c", as those of "b-c" do; write another name for one of them`}},
		"a service of all services": {objective("for_each: service"), []string{
			`f.yaml:3: slos[0].service: for_each: service makes an objective for each service that is seen; leave service out; sli.match says which services count`}},
		"a service with a space": {objective("service: \"cart \""), []string{
			`f.yaml:3: slos[0].service: "cart " begins or ends with a space, or holds a control character; write the service's name as its spans have it`}},
		"labels": {objective("labels: {slo: a, sloth_id: a, severity: a, a b: c, __x: d, le: e, tier: f}"), []string{
			`f.yaml:7: slos[0].labels."a b": "a b" is not a label's name; use letters, digits and underscores, as in team`,
			`f.yaml:7: slos[0].labels.__x: "__x" is kept for Prometheus itself; write a name that does not begin with two underscores`,
			`f.yaml:7: slos[0].labels.le: "le" ` + setByUs,
			`f.yaml:7: slos[0].labels.severity: "severity" ` + setByUs,
			`f.yaml:7: slos[0].labels.slo: "slo" ` + setByUs,
			`f.yaml:7: slos[0].labels.sloth_id: "sloth_id" ` + setByUs,
			`f.yaml:7: slos[0].labels.tier: "tier" ` + setByUs}},
		"the tag of a dimension": {objective("for_each: user.plan"), []string{
			`f.yaml:7: slos[0].for_each: "user.plan" has no values to make objectives for; write plan, which is the label that sli.dimensions gives to this tag`}},
		"a dimension that there is not": {objective("for_each: region"), []string{
			`f.yaml:7: slos[0].for_each: "region" has no values to make objectives for; write one of service, operation, plan, or add a dimension to sli.dimensions`}},
		"a limit without for_each": {objective("for_each_limit: 5"), []string{
			`f.yaml:7: slos[0].for_each_limit: there is no for_each to be limited; leave it out, or write for_each`}},
		"a limit that is none": {objective("for_each: plan", "for_each_limit: -1"), []string{
			`f.yaml:8: slos[0].for_each_limit: -1 is not a limit; write a number from 1 to 10000`}},
		"an indicator without a threshold": {objective("sli: {latency: {}}"), []string{
			`f.yaml:4: slos[0].sli.latency.threshold: there is no threshold; write the longest duration of a good span, as in 500ms`}},
		"a window longer than the ledger": {objective("window: 101d"), []string{
			`f.yaml:6: slos[0].window: 101d is longer than slo_retention, 100d; write a shorter window, or slo_retention: 101d`}},
		"a year longer than the ledger": {objective("window: {calendar: year}"), []string{
			`f.yaml:6: slos[0].window: a year is longer than slo_retention, 100d; write a shorter window, or slo_retention: 367d`}},
		"two windows": {objective("window: {calendar: month, rolling: 30d}"), []string{
			`f.yaml:6: slos[0].window: rolling and calendar are two windows; keep one of them; the other may be an objective of its own`}},
		"a window of nothing": {objective("window: {time_zone: Europe/Madrid}"), []string{
			`f.yaml:6: slos[0].window: there is no window; write for example 30d, or {calendar: month, time_zone: Europe/Madrid}`}},
		"a calendar that there is not": {objective("window: {calendar: fortnight, time_zone: Europe/Atlantis}"), []string{
			`f.yaml:6: slos[0].window.calendar: "fortnight" is not a calendar period; write week, month, quarter or year`,
			`f.yaml:6: slos[0].window.time_zone: "Europe/Atlantis" is not an IANA time zone; write for example Europe/Madrid or UTC`}},
		"a rolling window with a zone": {objective("window: {rolling: 30d, time_zone: Europe/Madrid}"), []string{
			`f.yaml:6: slos[0].window.time_zone: a rolling window is the same in every zone; leave it out, or write calendar in place of rolling`}},
		"a rolling window of seconds": {objective("window: {rolling: 90s}"), []string{
			`f.yaml:6: slos[0].window: 1m30s is not a whole number of minutes; write 2m`}},
		"exclusions": {objective("exclusions:", "- {}", "- {from: 2026-03-29T02:00:00Z, schedule: 0 3 * * *, duration: 1h, reason: r}", "- {from: 2026-03-29T02:00:00Z, to: 2026-03-29T01:00:00Z, reason: \" \"}",
			"- {from: 2026-03-29T02:00:00Z, reason: r}", "- {to: 2026-03-29T02:00:00Z, reason: r, time_zone: Europe/Madrid}", "- {schedule: 0 3 * * *, reason: r}", "- {duration: 1h, reason: r}",
			"- {schedule: 0 3 1 * *, duration: 169h, reason: r}", "- {schedule: 0 3 1 * *, duration: 90s, reason: r}"), []string{
			`f.yaml:8: slos[0].exclusions[0]: there is no time; write from and to, or schedule and duration`,
			`f.yaml:8: slos[0].exclusions[0].reason: there is no reason; write why this time does not count; it is shown wherever the budget is`,
			`f.yaml:9: slos[0].exclusions[1]: from and to are one exclusion, schedule and duration another; write each on its own`,
			`f.yaml:10: slos[0].exclusions[2].reason: there is no reason; write why this time does not count; it is shown wherever the budget is`,
			`f.yaml:10: slos[0].exclusions[2].to: 2026-03-29T01:00:00Z is not after 2026-03-29T02:00:00Z; write a later time`,
			`f.yaml:11: slos[0].exclusions[3].to: there is no end; write for example 2026-03-29T02:00:00Z`,
			`f.yaml:12: slos[0].exclusions[4].from: there is no beginning; write for example 2026-03-29T02:00:00Z`,
			`f.yaml:12: slos[0].exclusions[4].time_zone: from and to say their offsets themselves; leave it out`,
			`f.yaml:13: slos[0].exclusions[5].duration: there is no duration; write for example 2h`,
			`f.yaml:14: slos[0].exclusions[6].schedule: there is no schedule; write minute, hour, day of the month, month and day of the week, as in 0 3 * * SUN`,
			`f.yaml:15: slos[0].exclusions[7].duration: 169h is longer than 7d; write less; a longer time has a from and a to`,
			`f.yaml:16: slos[0].exclusions[8].duration: 1m30s is not a whole number of minutes; write 2m`}},
		"most of the time": {objective("exclusions:", "- {schedule: 0 0 * * SAT, duration: 2d, reason: weekend}", "- {schedule: 0 19 * * *, duration: 12h, time_zone: Europe/Madrid, reason: night}"), []string{
			`f.yaml:7: warning: slos[0].exclusions: 64% of all time does not count; make sure that the objective is meant for the rest alone`}},
		"an alerting section": {"alerting:\n  min_events: -1\n  min_failures: -2\n  unmeasured_after: 59s\n  runbook_url: \"https://a.example/{name}\"\n  page: {labels: {slo: a}, annotations: {a b: c}}\n", []string{
			`f.yaml:2: alerting.min_events: -1 is negative; write a number from 1, which is no floor`,
			`f.yaml:3: alerting.min_failures: -2 is negative; write a number from 1, which is no floor`,
			`f.yaml:4: alerting.unmeasured_after: 59s is shorter than a minute; write at least 1m`,
			`f.yaml:5: alerting.runbook_url: {name} is not replaced by anything; write for example https://wiki.example.com/{service}/{slo}`,
			`f.yaml:6: alerting.page.annotations."a b": "a b" is not a label's name; use letters, digits and underscores, as in team`,
			`f.yaml:6: alerting.page.labels.slo: "slo" ` + setByUs}},
		"tiers": {objective("alerting:", "  tiers:", "  - {}", "  - {severity: critical, long: 1h, short: 1h, burn_rate: 14.4}", "  - {severity: page, long: 90s, short: 30s, burn_rate: 0}",
			"  - {severity: page, long: 101d, short: 5m, burn_rate: 2}", "  - {severity: page, long: 1h, short: 5m, burn_rate: 2}", "  - {severity: page, long: 60m, short: 6m, burn_rate: 3}"), []string{
			`f.yaml:9: slos[0].alerting.tiers[0].burn_rate: there is no burn rate; write for example 14.4`,
			`f.yaml:9: slos[0].alerting.tiers[0].long: there is no window; write for example 1h`,
			`f.yaml:9: slos[0].alerting.tiers[0].severity: there is no severity; write page or ticket`,
			`f.yaml:9: slos[0].alerting.tiers[0].short: there is no window; write for example 5m`,
			`f.yaml:10: slos[0].alerting.tiers[1].severity: "critical" is not a severity; write page or ticket; labels of page and of ticket can say more`,
			`f.yaml:10: slos[0].alerting.tiers[1].short: 1h is not shorter than the long window, 1h; write about a twelfth of it`,
			`f.yaml:11: slos[0].alerting.tiers[2].burn_rate: 0 is reached without a bad event; write for example 14.4`,
			`f.yaml:11: slos[0].alerting.tiers[2].long: 1m30s is not a whole number of minutes; write 2m`,
			`f.yaml:11: slos[0].alerting.tiers[2].short: 30s is shorter than a minute; write at least 1m`,
			`f.yaml:12: slos[0].alerting.tiers[3].long: 101d is longer than slo_retention, 100d; write less`,
			`f.yaml:12: warning: slos[0].alerting.tiers[3].long: 101d is longer than the objective's window, 30d; write less`,
			`f.yaml:14: slos[0].alerting.tiers[5]: its alerts could not be told from those of tiers[4], which has the same severity and long window; keep one of the two`}},
		"tiers that can never fire": {objective("objective: 90%"), []string{
			`f.yaml:5: warning: slos[0].objective: for the page of 1h, 14.4 × 10% = 144%: even a total outage burns slower, so that it never fires; write at least 93.06%, or tiers in alerting`}},
		"the tier of the section that can never fire": {"alerting: {tiers: [{severity: page, long: 1h, short: 5m, burn_rate: 20}]}\n" + objective("objective: 95%"), []string{
			`f.yaml:6: warning: slos[0].objective: for the page of 1h, 20 × 5% = 100%: even a total outage burns slower, so that it never fires; write at least 95.01%, or tiers in alerting`}},
		"own tiers that make no sense": {objective("objective: 95%", "window: 1d", "alerting: {tiers: [{severity: page, long: 1h, short: 5m, burn_rate: 20}, {severity: ticket, long: 25h, short: 5m, burn_rate: 0.5}, {severity: ticket, long: 1h, short: 5m, burn_rate: 19.999}]}"), []string{
			`f.yaml:7: warning: slos[0].alerting.tiers[0].burn_rate: 20 × 5% = 100%: even a total outage burns slower, so that it never fires; write at most 19.999`,
			`f.yaml:7: warning: slos[0].alerting.tiers[1].burn_rate: 0.5 fires although the budget would outlast the window; write at least 1`,
			`f.yaml:7: warning: slos[0].alerting.tiers[1].long: 25h is longer than the objective's window, 1d; write less`}},
		"a window too short for the standard tiers": {objective("window: 1m"), []string{
			`f.yaml:6: warning: slos[0].window: for the page of 2m, 2m is longer than the objective's window, 1m; write a longer window, or tiers in alerting`,
			`f.yaml:6: warning: slos[0].window: for the ticket of 2m, 2m is longer than the objective's window, 1m; write a longer window, or tiers in alerting`}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, problems := problemsOf(test.text)
			if diff := cmp.Diff(test.want, problems); diff != "" {
				t.Errorf("%s\n-want +got\n%s", test.text, diff)
			}
		})
	}
}

// TestNeverFiresIsExact holds that the cures for a tier that can never fire
// are the first values that cure.
func TestNeverFiresIsExact(t *testing.T) {
	warns := func(target string, rate string) bool {
		_, problems := problemsOf(objective("objective: "+target, "alerting: {tiers: [{severity: page, long: 1h, short: 5m, burn_rate: "+rate+"}]}"))
		for _, p := range problems {
			if strings.Contains(p, "never fires") {
				return true
			}
		}
		return false
	}
	for _, test := range []struct {
		target, rate string
		want         bool
	}{
		{"93.05%", "14.4", true}, {"93.06%", "14.4", false}, {"90%", "10", true}, {"90%", "9.999", false},
		{"99.9999999%", "1000000", false}, {"99.9999%", "1000000", true}, {"99.9999001%", "1000000", false}, {"0.0000001%", "1", false},
	} {
		if got := warns(test.target, test.rate); got != test.want {
			t.Errorf("%s at %s: warns %v", test.rate, test.target, got)
		}
	}
}

func BenchmarkValidate(b *testing.B) {
	objectives, problems := problemsOf(objective("exclusions: [{schedule: 0 3 * * SUN, duration: 2h, time_zone: Europe/Madrid, reason: r}]"))
	if len(problems) > 0 {
		b.Fatal(problems)
	}
	for i := range 999 {
		o := objectives[0]
		o.Name = fmt.Sprint("a", i)
		objectives = append(objectives, o)
	}
	for b.Loop() {
		if faults := slo.Validate(objectives, slo.ValidateOptions{}); len(faults) > 0 {
			b.Fatal(faults)
		}
	}
}
