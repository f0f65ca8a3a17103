package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/traceslo/traceslo/slo"
)

// datasources lets choose the Prometheus that is asked.
func datasources() dashboard.VariableModel {
	return dashboard.VariableModel{Type: dashboard.VariableTypeDatasource, Name: datasourceVariable, Label: new("Prometheus"),
		Description: new("The Prometheus that scrapes traceslo and has its rules."),
		Query:       &dashboard.StringOrMap{String: new("prometheus")}, Refresh: new(dashboard.VariableRefreshOnDashboardLoad)}
}

// histograms lets choose which of the two histograms is asked: the metric's own
// name is the native one's.
func histograms() dashboard.VariableModel {
	const native, classic = slo.DurationMetric, slo.DurationMetric + "_bucket"
	option := func(text, value string, selected bool) dashboard.VariableOption {
		return dashboard.VariableOption{Selected: &selected, Text: dashboard.StringOrArrayOfString{String: &text}, Value: dashboard.StringOrArrayOfString{String: &value}}
	}
	return dashboard.VariableModel{Type: dashboard.VariableTypeCustom, Name: histogramVariable, Label: new("Histogram"),
		Description: new("native where Prometheus scrapes native histograms, which are finer; else classic."),
		Query:       &dashboard.StringOrMap{String: new("native : " + native + ", classic : " + classic)},
		Current:     new(option("native", native, true)),
		Options:     []dashboard.VariableOption{option("native", native, true), option("classic", classic, false)}}
}

// choice lets choose among the values that a label has in a selector: of one of
// them, or of as many as one likes, all at first.
func choice(name, label, description, selector, values string, several bool) dashboard.VariableModel {
	query := "label_values(" + selector + ", " + values + ")"
	v := dashboard.VariableModel{Type: dashboard.VariableTypeQuery, Name: name, Label: &label, Description: &description, Datasource: source(),
		Definition: &query, Query: &dashboard.StringOrMap{String: &query},
		Refresh: new(dashboard.VariableRefreshOnTimeRangeChanged), Sort: new(dashboard.VariableSortAlphabeticalCaseInsensitiveAsc)}
	if several {
		v.Multi, v.IncludeAll, v.AllValue = new(true), new(true), new(".+")
		v.Current = &dashboard.VariableOption{Selected: new(true), Text: dashboard.StringOrArrayOfString{ArrayOfString: []string{"All"}},
			Value: dashboard.StringOrArrayOfString{ArrayOfString: []string{"$__all"}}}
	}
	return v
}

// filters lets add conditions on any label, as on those of sli.dimensions.
func filters() dashboard.VariableModel {
	return dashboard.VariableModel{Type: dashboard.VariableTypeAdhoc, Name: filterVariable, Label: new("Filters"),
		Description: new("Conditions on further labels of the spans, such as those of sli.dimensions."), Datasource: source()}
}
