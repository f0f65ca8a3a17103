package report

import (
	"crypto/sha256"
	_ "embed" // the page and its style
	"encoding/base64"
	"fmt"
	"html/template"
	"io"
	"math"
	"strconv"
	"time"

	"github.com/traceslo/traceslo/internal/harmless"
	"github.com/traceslo/traceslo/internal/plot"
	"github.com/traceslo/traceslo/slo"
)

var (
	//go:embed report.css
	ownStyle string
	//go:embed report.html
	pageText string

	style = plot.CSS + ownStyle
	page  = template.Must(template.New("report").Funcs(template.FuncMap{
		"style":     func() template.CSS { return template.CSS(style) }, //nolint:gosec // it is ours
		"policy":    SecurityPolicy,
		"text":      harmless.Text,
		"count":     countOf,
		"percent":   percent,
		"share":     share,
		"when":      when,
		"span":      span,
		"minutes":   minutesLong,
		"day":       dayWords,
		"state":     stateMark,
		"class":     func(s State) string { return string(s) },
		"summary":   (*Report).summary,
		"known":     (*Report).known,
		"promise":   Objective.promise,
		"spent":     func(o Objective) string { return o.spentWords() },
		"change":    Objective.change,
		"coverage":  Coverage.words,
		"incidents": Objective.incidentsWords,
		"note":      Incident.note,
		"tier":      IncidentTier.words,
		"shown":     shownIncidents,
		"culprit":   Culprit.count,
		"daysNote":  Objective.daysNote,
		"dimensioned": func(c Culprits) bool {
			for _, t := range c.Top {
				if len(t.Dimensions) > 0 {
					return true
				}
			}
			return false
		},
		"glossary":   func() []term { return glossary },
		"stepLength": func(o Objective) string { return slo.FormatWindow(o.Series[0].To.Sub(o.Series[0].From)) },
		"spark":      Objective.spark,
		"bar": func(o Objective) template.HTML {
			return plot.ShareBar("the part of the budget that is spent", o.spent())
		},
		"shareBar": func(part float64) template.HTML { return plot.ShareBar("share of the bad events", part) },
		"burnDown": Objective.burnDown,
		"bars":     Objective.bars,
	}).Parse(pageText))
)

// SecurityPolicy returns the policy of a report as HTML, which is in it too: a
// browser uses the style that stands in it, and nothing else, whatever a name
// may say.
func SecurityPolicy() string {
	sum := sha256.Sum256([]byte(style))
	return "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'; base-uri 'none'; form-action 'none'"
}

// writeHTML writes the report as one file that needs no other, nor any script.
func (r *Report) writeHTML(w io.Writer) error { return page.Execute(w, r) }

// marks are shapes for the states, for eyes that do not tell their colours.
var marks = map[State]string{Exhausted: "■", AtRisk: "▲", WithinBudget: "●", NoData: "○"}

func stateMark(s State) template.HTML {
	return template.HTML(fmt.Sprintf(`<span class="state %s"><span aria-hidden="true">%s</span> %s</span>`, string(s), marks[s], s.String())) //nolint:gosec // states are ours
}

// countOf is count for whatever integer a template has.
func countOf(n any) string {
	switch n := n.(type) {
	case uint64:
		return count(n)
	case int:
		return count(n)
	}
	return fmt.Sprint(n)
}

// dayWords writes a day, and how much of it there was where that is not all.
func dayWords(s Stretch) string {
	if midnight(s.From) && midnight(s.To) {
		return s.From.Format(dayLayout)
	}
	return span(s.From, s.To)
}

func midnight(at time.Time) bool { return at.Hour() == 0 && at.Minute() == 0 }

// A shownList is the incidents that a page has room for.
type shownList struct {
	Incidents []Incident
	Rest      int
}

func shownIncidents(o Objective) shownList {
	shown, rest := worstIncidents(o.Incidents)
	return shownList{shown, rest}
}

// value returns what is no number for what is not known.
func value(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

// spark draws the burn-down small.
func (o Objective) spark() template.HTML {
	values := make([]float64, 0, maxSteps+1)
	values = append(values, 1)
	for _, s := range o.Series {
		values = append(values, value(s.Left))
	}
	return plot.Sparkline{Title: "Burn-down, " + percent(o.Budget.Left) + " left", Values: values}.SVG()
}

func (o Objective) frame() plot.Frame {
	last := len(o.Series) - 1
	return plot.Frame{From: o.Series[0].From, To: o.Series[last].To, Zone: o.Series[0].From.Location()}
}

// burnDown draws what was left of the error budget over the period.
func (o Objective) burnDown(i int) template.HTML {
	points := []plot.Point{{At: o.Series[0].From, Value: 1}}
	for _, s := range o.Series {
		points = append(points, plot.Point{At: s.To, Value: value(s.Left)})
	}
	return plot.Line{
		ID: "burn-" + strconv.Itoa(i), Title: "Error budget left of " + o.SLO,
		Description: fmt.Sprintf("It starts at 100%% and comes to %s. %d incidents.", percent(o.Budget.Left), len(o.Incidents)),
		Frame:       o.frame(), Series: []plot.Series{{Name: "budget left", Points: points}}, Spans: o.plotSpans(),
	}.SVG()
}

// bars draws how many events there were.
func (o Objective) bars(i int) template.HTML {
	bars := make([]plot.Bar, 0, len(o.Series))
	for _, s := range o.Series {
		bars = append(bars, plot.Bar{From: s.From, To: s.To, Good: s.Events - s.Bad, Bad: s.Bad})
	}
	return plot.Bars{
		ID: "events-" + strconv.Itoa(i), Title: "Events of " + o.SLO, Description: fmt.Sprintf("%s events, of which %s were bad.", count(o.Events), count(o.Bad)),
		Frame: o.frame(), Bars: bars, Spans: o.plotSpans(), Height: 80,
	}.SVG()
}

// plotSpans returns what is hatched or marked.
func (o Objective) plotSpans() []plot.Span {
	var all []plot.Span
	add := func(kind plot.SpanKind, from, to time.Time) {
		all = append(all, plot.Span{From: from, To: to, Kind: kind})
	}
	for _, s := range o.Unmeasured {
		add(plot.Unmeasured, s.From, s.To)
	}
	for _, x := range o.Exclusions {
		for _, s := range x.seen {
			add(plot.Excluded, s.From, s.To)
		}
	}
	for _, i := range o.Incidents {
		add(plot.Burning, i.From, i.To)
	}
	return all
}
