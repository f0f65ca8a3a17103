package web

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/traceslo/traceslo/internal/harmless"
)

// The sequences by which a terminal shows colours.
const (
	red, yellow, green, dim, plain = "\x1b[31m", "\x1b[33m", "\x1b[32m", "\x1b[2m", "\x1b[0m"
)

// A cell is a text of a table, and the colour that it may have.
type cell struct{ text, colour string }

// maxCell bounds how wide a name makes its column.
const maxCell = 50

// WriteText writes for a terminal what the page of all objectives shows: how the
// reading goes, and the objectives, those in trouble first. No text that came
// from elsewhere can do anything to the terminal. Lines have no colours
// unless coloured is set.
func WriteText(w io.Writer, s Status, objectives []Objective, coloured bool) error {
	var out strings.Builder
	paint := func(c cell) string {
		if !coloured || c.colour == "" || c.text == "" {
			return c.text
		}
		return c.colour + c.text + plain
	}
	reading := cell{harmless.Text(s.Reading.Text), yellow}
	if s.Reading.State.Good() {
		reading.colour = green
	}
	fmt.Fprintln(&out, paint(reading))
	if s.ConfigurationRefused {
		fmt.Fprintln(&out, paint(cell{"The configuration was refused when it was last read; the one before runs on.", red}))
	}
	for _, note := range s.Readers.Notes() {
		fmt.Fprintln(&out, paint(cell{harmless.Text(note), yellow}))
	}
	switch {
	case s.MeasuredUntil != nil:
		fmt.Fprintf(&out, "Objectives are measured up to %s: %d, of which %d in trouble.\n", s.MeasuredUntil.UTC().Format(timeLayout), s.Objectives, s.Troubles)
	case s.Objectives > 0:
		fmt.Fprintf(&out, "Nothing is measured yet; objectives: %d.\n", s.Objectives)
	case s.Reading.State != Loading:
		fmt.Fprintln(&out, "There are no objectives yet; write them under slos in the configuration.")
	}
	if len(objectives) > 0 {
		out.WriteByte('\n')
		writeTable(&out, objectives, paint)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

func writeTable(out *strings.Builder, objectives []Objective, paint func(cell) string) {
	rows := [][]cell{{{"", dim}, {"OBJECTIVE", dim}, {"SERVICE", dim}, {"PROMISED", dim}, {"GOOD", dim}, {"LEFT", dim}, {"COVERAGE", dim}, {"STATE", dim}}}
	for _, o := range objectives {
		colour := ""
		switch {
		case o.Trouble && (o.State == Burning || o.State == Spent):
			colour = red
		case o.Trouble, o.State == Unmeasured:
			colour = yellow
		case o.State == OK:
			colour = green
		}
		left, coverage := "", ""
		if o.Remaining != nil {
			left = percent(*o.Remaining)
		}
		if o.Coverage != nil {
			coverage = percent(*o.Coverage)
		}
		text := func(s string) cell { return cell{harmless.Cut(s, maxCell), ""} }
		shape := shapes[o.State]
		if shape == "" {
			shape = "?" // of a daemon that knows more states
		}
		rows = append(rows, []cell{{shape, colour}, text(o.SLO), text(o.Service), text(o.Target + " over " + o.Window), text(o.Good), text(left), text(coverage), {harmless.Cut(o.Text, 2*maxCell), colour}})
	}
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c.text))
		}
	}
	for _, row := range rows {
		for i, c := range row {
			out.WriteString(paint(c))
			if i < len(row)-1 {
				out.WriteString(strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c.text)+2))
			}
		}
		out.WriteByte('\n')
	}
}
