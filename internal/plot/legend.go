package plot

// A legend says what the parts of a plot are, in one line below it.
type legend struct {
	c *canvas
	// x is where the next entry begins, y the middle of the line.
	x, y float64
}

// letter is how wide a letter is at most, on average.
const letter = 6.6

// add appends an entry with a sample of a class.
func (l *legend) add(sample markup, text string) {
	l.c.f(`<svg class="plot-sample" x="%v" y="%v" width="14" height="10">%s</svg><text x="%v" y="%v">%s</text>`, l.x, l.y-9, sample, l.x+18, l.y, text)
	l.x += 18 + letter*float64(len([]rune(text))) + 9
}

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
