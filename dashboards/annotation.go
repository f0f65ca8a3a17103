package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// An annotation marks the times at which an expression is above 0. The texts
// are those that Grafana's Prometheus reads beside what the SDK knows
// (AnnotationQuery of packages/grafana-data/src/types/annotations.ts).
type annotation struct {
	dashboard.AnnotationQuery
	TitleFormat string `json:"titleFormat"`
	TextFormat  string `json:"textFormat"`
	TagKeys     string `json:"tagKeys"`
}

// mark adds an annotation. title and text may hold {{label}}; tags are labels,
// with commas.
func (b *board) mark(name, color, expr, title, text, tags string) {
	b.annotations = append(b.annotations, annotation{
		AnnotationQuery: dashboard.AnnotationQuery{Name: name, Datasource: source(), Enable: true, IconColor: color,
			Target: prometheus.Dataquery{Expr: expr, RefId: new("Anno"), Range: new(true)}},
		TitleFormat: title, TextFormat: text, TagKeys: tags,
	})
}
