package plot

import (
	"html/template"

	"github.com/traceslo/traceslo/internal/harmless"
)

// Shares is a plot of parts of a whole: a label and a bar each.
type Shares struct {
	// Title and Description are as in Line.
	Title, Description string
	Shares             []Share
}

// A Share is a part of a whole.
type Share struct {
	Label string
	// Part is from 0 to 1.
	Part float64
	// Figure is written after the label.
	Figure string
}

const (
	shareHeight = 34
	// shareLabel and narrowLabel are how many characters of a label are shown, and
	// on a narrow page; what points at it has all.
	shareLabel  = 90
	narrowLabel = 34
)

// SVG draws the plot.
func (s Shares) SVG() template.HTML {
	c := &canvas{}
	c.open("plot-shares", shareHeight*len(s.Shares), s.Title, s.Description)
	for i, share := range s.Shares {
		y := i * shareHeight
		c.f(`<g><title>%s</title>`, share.Label+" "+share.Figure)
		if wide, narrow := harmless.Cut(share.Label, shareLabel), harmless.Cut(share.Label, narrowLabel); wide == narrow {
			c.f(`<text y="%d">%s</text>`, y+12, wide)
		} else {
			c.f(`<text class="plot-wide" y="%d">%s</text><text class="plot-narrow" y="%d">%s</text>`, y+12, wide, y+12, narrow)
		}
		c.f(`<text class="plot-end" x="100%%" y="%d">%s</text>`, y+12, share.Figure)
		c.f(`<rect class="plot-track" y="%d" width="100%%" height="8"/><rect class="plot-bad" y="%d" width="%v" height="8"/></g>`, y+17, y+17, percentage(min(1, max(0, share.Part))))
	}
	return c.close()
}

// ShareBar draws one part alone, for a row of a table. title says what it is.
func ShareBar(title string, part float64) template.HTML {
	c := &canvas{}
	c.f(`<svg class="plot-bar" role="img" xmlns="http://www.w3.org/2000/svg"><title>%s</title><rect class="plot-track" width="100%%" height="100%%"/><rect class="plot-bad" width="%v" height="100%%"/>`, title, percentage(min(1, max(0, part))))
	return c.close()
}
