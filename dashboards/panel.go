package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/statetimeline"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// A panel is one picture of a board. Its row gives it an id and a place.
type panel struct {
	dashboard.Panel
	width uint32
}

// A query is an expression, and how what it returns is named: {{label}} stands
// for the value of a label.
type query struct {
	expr, legend string
}

func newPanel(kind, title, description, unit string, width uint32, queries ...query) *panel {
	p := &panel{width: width, Panel: dashboard.Panel{Type: kind, Title: &title, Description: &description, Datasource: source(),
		FieldConfig: &dashboard.FieldConfigSource{Defaults: dashboard.FieldConfig{Unit: &unit}, Overrides: []dashboard.DashboardFieldConfigSourceOverrides{}}}}
	for i, q := range queries {
		if q.legend == "" {
			q.legend = "__auto" // Grafana's own word for what it thinks best
		}
		p.Targets = append(p.Targets, &prometheus.Dataquery{Expr: q.expr, LegendFormat: &q.legend, RefId: new(ref(i)), Range: new(true),
			EditorMode: new(prometheus.QueryEditorModeCode), Datasource: source()})
	}
	return p
}

// ref names a query of a panel.
func ref(i int) string { return string(rune('A' + i)) }

// target returns a query of the panel, to change it.
func (p *panel) target(i int) *prometheus.Dataquery { return p.Targets[i].(*prometheus.Dataquery) }

func (p *panel) defaults() *dashboard.FieldConfig { return &p.FieldConfig.Defaults }

func (p *panel) override(o ...dashboard.DashboardFieldConfigSourceOverrides) *panel {
	p.FieldConfig.Overrides = append(p.FieldConfig.Overrides, o...)
	return p
}

// link leads from each value to other pages.
func (p *panel) link(links ...dashboard.DashboardLink) *panel {
	p.defaults().Links = append(p.defaults().Links, links...)
	return p
}

// limits are the least and the greatest that the axis shows.
func (p *panel) limits(least, greatest float64) *panel {
	p.defaults().Min, p.defaults().Max = &least, &greatest
	return p
}

// figure shows the last value of each query, and its course behind it.
func figure(title, description, unit string, width uint32, thresholds *dashboard.ThresholdsConfig, queries ...query) *panel {
	p := newPanel("stat", title, description, unit, width, queries...)
	p.defaults().Thresholds = thresholds
	p.defaults().Color = &dashboard.FieldColor{Mode: dashboard.FieldColorModeIdThresholds}
	o := stat.NewOptions()
	o.ReduceOptions.Calcs = []string{"lastNotNull"}
	p.Options = o
	return p
}

// still shows no course behind a figure, and asks for the present alone.
func (p *panel) still() *panel {
	p.Options.(*stat.Options).GraphMode = common.BigValueGraphModeNone
	for i := range p.Targets {
		p.target(i).Range, p.target(i).Instant = new(false), new(true)
	}
	return p
}

// mapped shows words in place of numbers.
func (p *panel) mapped(mapping []dashboard.ValueMapping) *panel {
	p.defaults().Mappings = mapping
	return p
}

// graph shows the course of each query. Its lines begin at 0.
func graph(title, description, unit string, width uint32, queries ...query) *panel {
	p := newPanel("timeseries", title, description, unit, width, queries...)
	p.defaults().Color = &dashboard.FieldColor{Mode: dashboard.FieldColorModeIdPaletteClassicByName}
	p.defaults().Custom = &timeseries.FieldConfig{
		DrawStyle: new(common.GraphDrawStyleLine), LineWidth: new(1.0), FillOpacity: new(5.0),
		ShowPoints: new(common.VisibilityModeAuto), AxisSoftMin: new(0.0),
	}
	p.Options = &timeseries.Options{
		Legend:  common.VizLegendOptions{DisplayMode: common.LegendDisplayModeList, Placement: common.LegendPlacementBottom, ShowLegend: true, Calcs: []string{}},
		Tooltip: common.VizTooltipOptions{Mode: common.TooltipDisplayModeMulti, Sort: common.SortOrderDescending},
	}
	return p
}

func (p *panel) custom() *timeseries.FieldConfig {
	return p.defaults().Custom.(*timeseries.FieldConfig)
}

// stacked puts the lines on top of each other, so that their height is the sum.
func (p *panel) stacked() *panel {
	p.custom().Stacking = &common.StackingConfig{Mode: new(common.StackingModeNormal), Group: new("A")}
	p.custom().FillOpacity = new(40.0)
	return p
}

// bounded draws thresholds into a graph.
func (p *panel) bounded(thresholds *dashboard.ThresholdsConfig) *panel {
	p.defaults().Thresholds = thresholds
	p.custom().ThresholdsStyle = &common.GraphThresholdsStyleConfig{Mode: common.GraphThresholdsStyleModeDashed}
	return p
}

// painted gives the lines of each query a colour, in order.
func (p *panel) painted(colors ...string) *panel {
	for i, c := range colors {
		p.override(overrideQuery(ref(i), colored(c)))
	}
	return p
}

// dashed draws the lines of a query as limits: without points and area.
func (p *panel) dashed(ref, color string) *panel {
	return p.override(overrideQuery(ref, colored(color),
		property("custom.lineStyle", map[string]any{"fill": "dash", "dash": []int{10, 10}}), property("custom.fillOpacity", 0), property("custom.showPoints", "never")))
}

// exemplars shows single spans as points, from the first query: more would ask
// for the same again. The datasource's exemplarTraceIdDestinations makes links
// to Jaeger of them.
func (p *panel) exemplars() *panel {
	p.target(0).Exemplar = new(true)
	return p
}

// heat shows how many durations lie where, in colours that people with any kind
// of colour vision can order.
func heat(title, description string, width uint32, q query) *panel {
	p := newPanel("heatmap", title, description, seconds, width, q)
	p.target(0).Format = new(prometheus.PromQueryFormatHeatmap)
	o := heatmap.NewOptions()
	o.Color = heatmap.HeatmapColorOptions{Mode: new(heatmap.HeatmapColorModeScheme), Scheme: "Viridis", Fill: "dark-orange",
		Scale: new(heatmap.HeatmapColorScaleExponential), Exponent: 0.5, Steps: 64}
	o.YAxis.Unit = new(seconds)
	o.Exemplars.Color = purple
	o.Tooltip.Mode, o.Tooltip.YHistogram = common.TooltipDisplayModeSingle, new(true)
	p.defaults().Custom = &heatmap.FieldConfig{}
	p.Options = o
	return p
}

// timeline shows when which word held, a line for each series.
func timeline(title, description string, width uint32, mapping []dashboard.ValueMapping, queries ...query) *panel {
	p := newPanel("state-timeline", title, description, plain, width, queries...)
	p.defaults().Color = &dashboard.FieldColor{Mode: dashboard.FieldColorModeIdFixed, FixedColor: new(grey)}
	p.defaults().Custom = &statetimeline.FieldConfig{LineWidth: new(uint32(0)), FillOpacity: new(uint32(70))}
	o := statetimeline.NewOptions()
	o.ShowValue = common.VisibilityModeAuto
	o.Legend = common.VizLegendOptions{DisplayMode: common.LegendDisplayModeList, Placement: common.LegendPlacementBottom, ShowLegend: false, Calcs: []string{}}
	o.Tooltip = common.VizTooltipOptions{Mode: common.TooltipDisplayModeSingle, Sort: common.SortOrderNone}
	p.Options = o
	return p.mapped(mapping)
}
