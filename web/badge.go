package web

import (
	"fmt"
	"html"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/traceslo/traceslo/internal/harmless"
)

// maxBadgeName bounds how much of a name stands on a badge.
const maxBadgeName = 48

// A badge is a name and how it stands, as a picture for other pages.
type badge struct{ left, right, colour string }

// The colours of badges. White on each has a contrast of 4.5 and more.
const (
	badgeGood    = "#00664b"
	badgeBad     = "#a33c00"
	badgeNeutral = "#565d67"
)

// serveBadge answers with the badge of an objective. It may be asked for anew
// each minute.
func (s *Server) serveBadge(w http.ResponseWriter, r *http.Request) {
	b, status := s.badge(r)
	guard(w, "image/svg+xml", "max-age=60")
	// It is made to stand on pages of others.
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(b.svg()))
}

func (s *Server) badge(r *http.Request) (badge, int) {
	name, svg := strings.CutSuffix(r.PathValue("file"), ".svg")
	refused := func(p *Problem, right string) (badge, int) {
		return badge{harmless.Cut(name, maxBadgeName), right, badgeNeutral}, p.status
	}
	query, err := parameters(r, "service")
	running := s.Running()
	switch {
	case err != nil:
		return refused(s.problemOf(r, err), "not understood")
	case !svg:
		return refused(problem(notFound, ""), "only .svg")
	case running == nil:
		return refused(errNotReady, "not ready")
	}
	all, _ := s.all(running, s.Now())
	of := find(all, name, query.Get("service"))
	switch {
	case len(of) == 0:
		return refused(problem(notFound, ""), "no such objective")
	case len(of) > 1:
		return badgeOfMany(name, of), http.StatusOK
	}
	o := of[0]
	b := badge{harmless.Cut(o.SLO, maxBadgeName), words[o.State], badgeNeutral}
	if o.Remaining != nil {
		b.right += ", " + percent(*o.Remaining) + " left"
	}
	switch {
	case o.Trouble:
		b.colour = badgeBad
	case o.State == OK:
		b.colour = badgeGood
	}
	return b, http.StatusOK
}

// badgeOfMany is that of the objectives for each value of something. It is good
// if all of them are: of one that nobody measures, or that has no events,
// nobody can say so.
func badgeOfMany(name string, of []Objective) badge {
	bad, ok := 0, 0
	for _, o := range of {
		switch {
		case o.Trouble:
			bad++
		case o.State == OK:
			ok++
		}
	}
	b := badge{harmless.Cut(name, maxBadgeName), fmt.Sprintf("%d of %d ok", ok, len(of)), badgeNeutral}
	switch {
	case bad > 0:
		b.right, b.colour = fmt.Sprintf("%d of %d in trouble", bad, len(of)), badgeBad
	case ok == len(of):
		b.right, b.colour = fmt.Sprintf("%d ok", ok), badgeGood
	}
	return b
}

// svg draws the badge. Its texts are as wide as it says, whatever font is there.
func (b badge) svg() string {
	const pad, height = 7, 20
	left, right := textWidth(b.left), textWidth(b.right)
	edge := left + 2*pad
	whole := edge + right + 2*pad
	text := func(s string, x, width int) string {
		return fmt.Sprintf(`<text x="%d" y="14" textLength="%d" lengthAdjust="spacingAndGlyphs">%s</text>`, x, width, html.EscapeString(s))
	}
	label := html.EscapeString(b.left + ": " + b.right)
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" role="img" aria-label="%s"><title>%s</title>`+
		`<clipPath id="r"><rect width="%d" height="%d" rx="3"/></clipPath><g clip-path="url(#r)"><rect width="%d" height="%d" fill="#33373e"/><rect x="%d" width="%d" height="%d" fill="%s"/></g>`+
		`<g fill="#fff" font-family="Verdana, DejaVu Sans, Geneva, sans-serif" font-size="11">%s%s</g></svg>`,
		whole, height, label, label, whole, height, edge, height, edge, right+2*pad, height, b.colour, text(b.left, pad, left), text(b.right, edge+pad, right))
}

// advances are how wide letters are in Verdana, in thousandths of its size.
var advances = func() map[rune]int {
	table := map[rune]int{}
	for _, group := range []struct {
		width   int
		letters string
	}{
		{274, "il"}, {344, "j"}, {352, "fI., "}, {394, "t"}, {427, "r"}, {454, "()/-:;J["}, {521, "csz"}, {557, "L"}, {592, "kvxyF"}, {601, "ae"},
		{616, "T"}, {623, "bdgpqoYZ"}, {633, "hnuE"}, {636, "0123456789_"}, {684, "AVXBSPK"}, {698, "RC"}, {732, "UD"}, {751, "HN"}, {775, "GOQ"},
		{818, "w+=<>"}, {843, "M"}, {973, "m"}, {989, "W"}, {1076, "%"}, {818, "…"},
	} {
		for _, r := range group.letters {
			table[r] = group.width
		}
	}
	return table
}()

// textWidth returns how wide a text is at 11 pixels. Letters that it does not know
// are taken for wide ones.
func textWidth(s string) int {
	sum := 0
	for _, r := range s {
		width, ok := advances[r]
		switch {
		case ok:
		case r < utf8.RuneSelf:
			width = 636
		default:
			width = 1000
		}
		sum += width
	}
	return (sum*11 + 999) / 1000
}
