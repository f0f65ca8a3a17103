package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// The colours that mean something are from the palette of Okabe and Ito, which
// people with any kind of colour vision tell apart (M. Okabe, K. Ito: Color
// Universal Design, 2008, https://jfly.uni-koeln.de/color/). Grafana's own green
// and red are not. Nothing is told by colour alone: a figure or a word stands
// beside it.
const (
	green  = "#009E73" // bluish green: as it should be
	orange = "#E69F00" // to be looked at
	red    = "#D55E00" // vermillion: trouble
	blue   = "#0072B2" // neither good nor bad
	sky    = "#56B4E9" // neither, and lighter
	purple = "#CC79A7" // neither, and apart from the others
	grey   = "#999999" // not known; outside of the palette
)

// The units, as Grafana names them
// (https://github.com/grafana/grafana/blob/main/packages/grafana-data/src/valueFormats/categories.ts).
const (
	perSecond = "reqps"
	spansRate = "cps"
	seconds   = "s"
	ratio     = "percentunit"
	count     = "short"
	plain     = "none"
	bytesUnit = "bytes"
	whenUnit  = "dateTimeFromNow"
)

// A step is a value from which on a colour holds.
type step struct {
	from  float64
	color string
}

// steps returns thresholds: base holds below the first of the others.
func steps(base string, others ...step) *dashboard.ThresholdsConfig {
	t := &dashboard.ThresholdsConfig{Mode: dashboard.ThresholdsModeAbsolute, Steps: []dashboard.Threshold{{Color: base}}}
	for _, s := range others {
		t.Steps = append(t.Steps, dashboard.Threshold{Value: new(s.from), Color: s.color})
	}
	return t
}

// The thresholds of what several boards show.
func errorSteps() *dashboard.ThresholdsConfig {
	return steps(green, step{0.01, orange}, step{0.05, red})
}

func budgetSteps() *dashboard.ThresholdsConfig {
	return steps(red, step{0, orange}, step{0.25, green})
}

func burnSteps() *dashboard.ThresholdsConfig {
	return steps(green, step{1, orange}, step{6, red})
}

func coverageSteps() *dashboard.ThresholdsConfig {
	return steps(red, step{0.95, orange}, step{0.999, green})
}

// alarm is for what has to be 0.
func alarm() *dashboard.ThresholdsConfig { return steps(green, step{1, red}) }

// A word is what stands for a number.
type word struct {
	value string
	text  string
	color string
}

// words returns a mapping of numbers to words.
func words(all ...word) []dashboard.ValueMapping {
	m := dashboard.ValueMap{Type: dashboard.MappingTypeValueToText, Options: map[string]dashboard.ValueMappingResult{}}
	for i, w := range all {
		m.Options[w.value] = dashboard.ValueMappingResult{Text: new(w.text), Color: new(w.color), Index: new(int32(i))}
	}
	return []dashboard.ValueMapping{{ValueMap: &m}}
}

// property changes what a panel shows of some of its fields.
func property(id string, value any) dashboard.DynamicConfigValue {
	return dashboard.DynamicConfigValue{Id: id, Value: value}
}

// colored gives a field a colour of its own.
func colored(color string) dashboard.DynamicConfigValue {
	return property("color", map[string]any{"mode": "fixed", "fixedColor": color})
}

// override applies to the fields of a name as the panel shows it.
func override(name string, properties ...dashboard.DynamicConfigValue) dashboard.DashboardFieldConfigSourceOverrides {
	return dashboard.DashboardFieldConfigSourceOverrides{Matcher: dashboard.MatcherConfig{Id: "byName", Options: name}, Properties: properties}
}

// overrideQuery applies to the fields of a query.
func overrideQuery(ref string, properties ...dashboard.DynamicConfigValue) dashboard.DashboardFieldConfigSourceOverrides {
	return dashboard.DashboardFieldConfigSourceOverrides{Matcher: dashboard.MatcherConfig{Id: "byFrameRefID", Options: ref}, Properties: properties}
}
