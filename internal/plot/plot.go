// Package plot draws what happened over time, and shares of a whole, as SVG for
// HTML pages.
//
// It serves slo/report and web. Its functions are pure: the same data make the
// same bytes. It knows nothing of objectives, and leaves the words to its
// callers.
//
// A plot is an image to those who do not see it (role="img"), with a title and a
// description that say in words what it shows. It has neither script nor style:
// a page includes CSS once, and with that it is drawn in light and dark, and on
// paper. Nothing is told by colour alone: what is unmeasured or excluded is
// hatched, each in its way, and lines differ in their dashes.
//
// Text keeps its size however wide a plot is, from about 320 pixels on: only
// what is drawn stretches. Of the labels of the time axis a narrow page shows
// some alone.
package plot

import (
	_ "embed"
	"fmt"
	"html"
	"html/template"
	"math"
	"strconv"
	"strings"

	"github.com/traceslo/traceslo/internal/harmless"
)

// CSS is the style of all plots, for a <style> element or a file of a page.
//
//go:embed plot.css
var CSS string

// The measures of a plot, in pixels. Left and right of it, the style leaves room
// for labels.
const (
	top        = 14 // room for the label of a threshold at the upper edge
	axisHeight = 20
	legendRow  = 16
	labelSize  = 12 // the least distance of two lines of text
	// stretched is how many units the drawing is wide, whatever its width in pixels.
	stretched = 1000
)

// A canvas is an SVG that grows.
type canvas struct{ strings.Builder }

// f appends text. Of its arguments, strings are hostile and escaped, floats are
// written short, and markup is taken as it is.
func (c *canvas) f(format string, args ...any) {
	for i, a := range args {
		switch a := a.(type) {
		case string:
			args[i] = html.EscapeString(harmless.Text(a))
		case float64:
			args[i] = number(a)
		}
	}
	fmt.Fprintf(c, format, args...)
}

// markup is text that is ours.
type markup string

// open begins a plot of a class, height pixels high.
func (c *canvas) open(class string, height int, title, description string) {
	c.f(`<svg class="plot %s" height="%d" role="img" xmlns="http://www.w3.org/2000/svg"><title>%s</title><desc>%s</desc>`, markup(class), height, title, description)
}

func (c *canvas) close() template.HTML {
	c.WriteString("</svg>")
	return template.HTML(c.String()) //nolint:gosec // f escapes all text that is not ours
}

// ident returns what is letters, digits and hyphens of an ID.
func ident(id string) markup {
	return markup(strings.Map(func(r rune) rune {
		if r == '-' || '0' <= r && r <= '9' || 'A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' {
			return r
		}
		return -1
	}, id))
}

// number writes v with at most two decimals.
func number(v float64) markup {
	text := strconv.FormatFloat(v, 'f', 2, 64)
	text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	if text == "-0" {
		return "0"
	}
	return markup(text)
}

// percentage writes the part of a whole as SVG has it.
func percentage(part float64) markup { return number(part*100) + "%" }

// known tells whether v is a value.
func known(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
