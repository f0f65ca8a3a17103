package dashboards

import (
	"bytes"
	"encoding/json"
	"strconv"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/traceslo/traceslo/slo"
)

// tag is what finds all boards, and leads from each to the others.
const tag = "traceslo"

// A board is rows of panels, each row a question that its panels answer.
type board struct {
	uid         string
	dashboard   dashboard.Dashboard
	annotations []annotation
	// panels are dashboard.Panel and dashboard.RowPanel.
	panels []any
	rows   uint32
	// y is where the next row begins.
	y uint32
}

func (m *maker) board(uid, title, description, from string) *board {
	d := dashboard.NewDashboard()
	d.Uid, d.Title, d.Description = &uid, &title, &description
	d.Tags = []string{tag}
	d.GraphTooltip = new(dashboard.DashboardCursorSyncCrosshair)
	d.Time = &dashboard.DashboardDashboardTime{From: from, To: "now"}
	if m.cfg.Refresh != 0 {
		d.Refresh = new(interval(m.cfg.Refresh))
	}
	d.Links = m.boardLinks()
	return &board{uid: uid, dashboard: *d}
}

// interval writes whole seconds as Grafana reads them: with one unit.
func interval(d time.Duration) string {
	if d%time.Minute == 0 {
		return slo.FormatWindow(d)
	}
	return strconv.Itoa(int(d/time.Second)) + "s"
}

// gridWidth is how many columns a board has.
const gridWidth = 24

// row adds a question and the panels that answer it, side by side, in lines of
// the given height. An id is the number of the row and the place in it, so that
// a panel added at the end of a row leaves all others theirs.
func (b *board) row(question string, height uint32, panels ...*panel) {
	b.rows++
	id := b.rows * 100
	b.panels = append(b.panels, dashboard.RowPanel{Type: "row", Title: &question, Id: id, Panels: []dashboard.Panel{},
		GridPos: &dashboard.GridPos{H: 1, W: gridWidth, Y: b.y}})
	b.y++
	x := uint32(0)
	for i, p := range panels {
		if x+p.width > gridWidth {
			x, b.y = 0, b.y+height
		}
		p.Id = new(id + uint32(i) + 1)
		p.GridPos = &dashboard.GridPos{H: height, W: p.width, X: x, Y: b.y}
		x += p.width
		b.panels = append(b.panels, p.Panel)
	}
	b.y += height
}

func (b *board) variables(all ...dashboard.VariableModel) {
	b.dashboard.Templating.List = append(b.dashboard.Templating.List, all...)
}

// A document is what Grafana reads. Its fields take the place of those of the
// same name in the dashboard: the SDK knows less of annotations than Grafana,
// and its kind of panel would be encoded with its own idea of HTML.
type document struct {
	dashboard.Dashboard
	Panels      []any `json:"panels"`
	Annotations struct {
		List []annotation `json:"list"`
	} `json:"annotations"`
}

// encode returns the board as JSON, once the SDK finds nothing wrong with it.
func (b *board) encode() ([]byte, error) {
	checked := b.dashboard
	for _, p := range b.panels {
		switch p := p.(type) {
		case dashboard.Panel:
			checked.Panels = append(checked.Panels, dashboard.PanelOrRowPanel{Panel: &p})
		case dashboard.RowPanel:
			checked.Panels = append(checked.Panels, dashboard.PanelOrRowPanel{RowPanel: &p})
		}
	}
	if err := checked.Validate(); err != nil {
		return nil, err
	}
	d := document{Dashboard: b.dashboard, Panels: b.panels}
	d.Annotations.List = b.annotations
	out := &bytes.Buffer{}
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(d); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// source is the Prometheus that the board's variable names.
func source() *common.DataSourceRef {
	return &common.DataSourceRef{Type: new("prometheus"), Uid: new("${" + datasourceVariable + "}")}
}
