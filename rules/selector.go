package rules

import (
	"fmt"
	"regexp"
	"strconv"
	"time"

	"github.com/traceslo/traceslo/slo"
)

// bridge is for how long the last value of a gauge holds when no newer one
// comes. A daemon that restarts or moves is away for less, and an alert that
// resolves and fires again tells nobody anything.
const bridge = 5 * time.Minute

// A subject is an objective as PromQL names it.
type subject struct {
	*slo.Objective
	// matcher is what the label slo of its series fulfils.
	matcher string
	// windows are the labels of its windows, ascending, its own one last.
	windows []string
	// own is the label of its own window, shortest that of its shortest alert
	// window, "" if nothing alerts.
	own, shortest string
}

func newSubject(o *slo.Objective) *subject {
	s := &subject{Objective: o, own: o.Window.String(), matcher: matcher(o)}
	for _, w := range o.AlertWindows() {
		label := slo.FormatWindow(w)
		if s.shortest == "" {
			s.shortest = label
		}
		if label != s.own {
			s.windows = append(s.windows, label)
		}
	}
	s.windows = append(s.windows, s.own)
	return s
}

// matcher chooses the series of an objective, of all its values if there is one
// objective for each. A value stands after the name, but that of for_each:
// service, which is the label service. A name has no "/", so that no other
// objective's series are chosen.
func matcher(o *slo.Objective) string {
	if o.ForEach == "" || o.Service == "" {
		return slo.SLOLabel + "=" + strconv.Quote(o.Name)
	}
	return slo.SLOLabel + "=~" + strconv.Quote(regexp.QuoteMeta(o.Name)+"/.+")
}

// perValue holds if there is one objective for each value of something.
func (s *subject) perValue() bool { return s.ForEach != "" }

// series selects the subject's series of a metric.
func (s *subject) series(metric string) string { return metric + "{" + s.matcher + "}" }

// window selects the subject's series of a metric for one window.
func (s *subject) window(metric, window string) string {
	return fmt.Sprintf("%s{%s,%s=%q}", metric, s.matcher, slo.WindowLabel, window)
}

// ratio selects the recorded part of the events of a window that is bad.
func (s *subject) ratio(window string) string { return s.series(ratioRecord(window)) }

// last selects the subject's series of a metric as they were last seen.
func (s *subject) last(metric string) string { return last(s.series(metric)) }

func last(selector string) string {
	return fmt.Sprintf("last_over_time(%s[%s])", selector, slo.FormatWindow(bridge))
}

// budget is the part of the events that may be bad, exact.
func (s *subject) budget() string { return "(1 - " + s.Target.Ratio() + ")" }

// ratioRecord returns the name of the recorded ratio of a window: that of
// Sloth, and for a calendar period, which Sloth has not, a word after "_".
func ratioRecord(window string) string {
	if window[0] < '0' || window[0] > '9' {
		return slo.RatioRecord + "_" + window
	}
	return slo.RatioRecord + window
}
