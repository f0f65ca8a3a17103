package plot

// A legend says what the parts of a plot are, below it, in as many lines as a
// narrow page needs.
type legend struct {
	canvas
	// x is where the next entry begins, y the middle of its line.
	x, y float64
}

const (
	// letter is how wide a letter is at most, on average.
	letter = 6.6
	// legendWidth is what there is room for on a narrow page.
	legendWidth = 275
)

// newLegend returns a legend below a plot that ends at bottom.
func newLegend(bottom float64) *legend { return &legend{y: bottom + axisHeight + 14} }

// add appends an entry with a sample of a class.
func (l *legend) add(sample markup, text string) {
	width := 18 + letter*float64(len([]rune(text)))
	if l.x > 0 && l.x+width > legendWidth {
		l.x, l.y = 0, l.y+legendRow
	}
	l.f(`<svg class="plot-sample" x="%v" y="%v" width="14" height="10">%s</svg><text x="%v" y="%v">%s</text>`, l.x, l.y-9, sample, l.x+18, l.y, text)
	l.x += width + 9
}

// end is where the legend ends, in pixels.
func (l *legend) end() int { return int(l.y) + 6 }

// addSpans appends an entry for each kind of span that there is.
func (l *legend) addSpans(id string, spans []Span) {
	var seen [len(spanKinds)]bool
	for _, s := range spans {
		seen[s.Kind] = true
	}
	for kind, there := range seen {
		if there {
			c := &canvas{}
			if SpanKind(kind) == Burning {
				c.f(`<rect class="plot-burning" y="2" width="14" height="%d"/>`, strip)
			} else {
				c.f(`<rect class="plot-swatch" width="14" height="10" fill="url(#%s-%s)"/>`, ident(id), markup(spanKinds[kind]))
			}
			l.add(markup(c.String()), spanKinds[kind])
		}
	}
}
