package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/table"
)

// A column of a table is the present values of an expression.
type column struct {
	title, unit string
	expr        string
	thresholds  *dashboard.ThresholdsConfig
	mapping     []dashboard.ValueMapping
	// hidden is for an expression that brings in a label and no figure.
	hidden bool
}

// grid is a table of a row for each set of labels. All columns have the labels
// keys, by which the rows are put together; further labels of a column become
// columns of that name. It is sorted by the titles of columns.
func grid(title, description string, width uint32, keys []string, columns []column, sorted ...common.TableSortByFieldState) *panel {
	queries := make([]query, len(columns))
	for i, c := range columns {
		queries[i].expr = c.expr
	}
	p := newPanel("table", title, description, count, width, queries...)
	p.defaults().Custom = &table.FieldConfig{Filterable: new(true)}
	exclude, rename, order := map[string]any{"Time": true}, map[string]any{}, map[string]any{}
	for i, key := range keys {
		order[key] = i
	}
	for i, c := range columns {
		p.target(i).Range, p.target(i).Instant, p.target(i).Format = new(false), new(true), new(prometheus.PromQueryFormatTable)
		value := "Value #" + ref(i)
		if c.hidden {
			exclude[value] = true
			continue
		}
		rename[value], order[value] = c.title, len(keys)+i
		p.override(c.override())
	}
	p.Transformations = []dashboard.DataTransformerConfig{
		{Id: "merge", Options: map[string]any{}},
		{Id: "organize", Options: map[string]any{"excludeByName": exclude, "renameByName": rename, "indexByName": order}},
	}
	o := table.NewOptions()
	o.Footer = nil
	o.SortBy = sorted
	p.Options = o
	return p
}

func (c column) override() dashboard.DashboardFieldConfigSourceOverrides {
	o := override(c.title, property("unit", c.unit))
	if c.mapping != nil {
		o.Properties = append(o.Properties, property("mappings", c.mapping))
	}
	if c.thresholds != nil {
		o.Properties = append(o.Properties, property("thresholds", c.thresholds))
	}
	if c.mapping != nil || c.thresholds != nil {
		o.Properties = append(o.Properties, property("custom.cellOptions", map[string]any{"type": "color-text"}))
	}
	return o
}

// linked makes links of the values of a column.
func (p *panel) linked(title string, links ...dashboard.DashboardLink) *panel {
	return p.override(override(title, property("links", links)))
}

func descending(title string) common.TableSortByFieldState {
	return common.TableSortByFieldState{DisplayName: title, Desc: new(true)}
}

func ascending(title string) common.TableSortByFieldState {
	return common.TableSortByFieldState{DisplayName: title, Desc: new(false)}
}
