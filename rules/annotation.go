package rules

import (
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/traceslo/traceslo/slo"
)

// annotate says of an objective's alert what it means and where to look. What
// the user says of the severity goes before it.
func (m *maker) annotate(r *rule, s *subject, severity, summary, description string) {
	a := map[string]string{}
	maps.Copy(a, s.severity(severity).Annotations)
	setDefault(a, summaryKey, summary)
	if s.Description != "" {
		description = literal(s.Description) + "\n" + description
	}
	setDefault(a, descriptionKey, description)
	if link := m.statusLink(s.Objective); link != "" {
		setDefault(a, statusKey, link)
	}
	if s.Alerting.RunbookURL != "" {
		setDefault(a, runbookKey, runbookLink(s.Alerting.RunbookURL))
	}
	r.Annotations = a
}

func setDefault(table map[string]string, key, value string) {
	if _, ok := table[key]; !ok {
		table[key] = value
	}
}

func burnSummary(t slo.Tier) string {
	return fmt.Sprintf("{{ $labels.service }}: {{ $labels.slo }} burns its error budget at more than %s times the rate that it allows", t.BurnRate)
}

// burnDescription says how bad it is, what the tier stands for, and what it
// takes for it to fire.
func (s *subject) burnDescription(t slo.Tier) string {
	long, short := slo.FormatWindow(t.Long), slo.FormatWindow(t.Short)
	gone := time.Duration(float64(s.Window.Length()) / t.BurnRate.Float()).Round(time.Minute)
	return lines(
		fmt.Sprintf("{{ $value | humanizePercentage }} of the events of the last %s were bad: %s of %s.", long, s.lookup(slo.BadEventsRecord, long), s.lookup(slo.EventsRecord, long)),
		fmt.Sprintf("%s over %s allows %s: this is a burn rate of %s.", s.Target, s.period(), s.allowed(), s.burnLookup(long)),
		fmt.Sprintf("At a burn rate of %s, %s spends %s of the budget, and %s all of it.", t.BurnRate, long, significant(100*t.Share(s.Window)), model.Duration(gone)),
		fmt.Sprintf("Of the budget, %s is left.", s.remainingLookup()),
		fmt.Sprintf("It fires above %s in both %s and %s, with at least %d events and %d bad ones in %[2]s, and not while an exclusion runs.",
			t.BurnRate, long, short, s.Alerting.MinEvents, s.Alerting.MinFailures),
	)
}

// lines puts sentences below each other, so that the file can be read too.
func lines(sentences ...string) string { return strings.Join(sentences, "\n") }

// period says how long the objective's own window is.
func (s *subject) period() string {
	if s.Window.Calendar != "" {
		return "a " + s.own
	}
	return s.own
}

// lookup is a template of the count that a record has for the alert's series.
func (s *subject) lookup(record, window string) string {
	return template(fmt.Sprintf("%s{%s=%%q,%s=%%q,%s=%q}", record, slo.SLOLabel, slo.ServiceLabel, slo.WindowLabel, window), `printf "%.0f"`)
}

func (s *subject) burnLookup(window string) string {
	return template(fmt.Sprintf("%s{%s=%%q,%s=%%q} / %s", ratioRecord(window), slo.SLOLabel, slo.ServiceLabel, s.budget()), "humanize")
}

func (s *subject) remainingLookup() string {
	return template(fmt.Sprintf("%s{%s=%%q,%s=%%q}", slo.RemainingRecord, slo.SLOLabel, slo.ServiceLabel), "humanizePercentage")
}

// template asks a query, of which the two %q are the alert's slo and service,
// and writes its value. Without one it says "?", for it is better to be told of
// half an alert than of none.
func template(query, format string) string {
	return fmt.Sprintf("{{ with printf `%s` $labels.slo $labels.service | query }}{{ . | first | value | %s }}{{ else }}?{{ end }}", query, format)
}

// allowed returns the part of the events that may be bad, as people write it.
func (s *subject) allowed() string { return Ratio(1_000_000_000 - s.Target.Billionths()).String() }

// significant returns a percentage with no more digits than people read.
func significant(percent float64) string {
	text := strconv.FormatFloat(percent, 'g', 3, 64)
	n, _ := strconv.ParseFloat(text, 64)
	return strconv.FormatFloat(n, 'f', -1, 64) + "%"
}

// seconds returns a duration as PromQL compares with it.
func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', -1, 64) }
