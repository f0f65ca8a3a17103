package bench

import (
	"fmt"
	"strings"
)

// A Table is a table of Markdown.
type Table struct {
	Head []string
	Rows [][]string
}

// Add appends a row; what is no text is written by Sprint, and numbers with a
// fraction in three figures.
func (t *Table) Add(cells ...any) {
	row := make([]string, len(cells))
	for i, c := range cells {
		switch c := c.(type) {
		case float64:
			row[i] = Figure(c)
		default:
			row[i] = fmt.Sprint(c)
		}
	}
	t.Rows = append(t.Rows, row)
}

// String returns the table with a line break at its end.
func (t *Table) String() string {
	var b strings.Builder
	line := func(cells []string) { b.WriteString("| " + strings.Join(cells, " | ") + " |\n") }
	line(t.Head)
	b.WriteString(strings.Repeat("|---", len(t.Head)) + "|\n")
	for _, row := range t.Rows {
		for i, cell := range row {
			row[i] = strings.ReplaceAll(cell, "|", `\|`)
		}
		line(row)
	}
	return b.String()
}

// Figure writes a number in three figures, or whole from 1000 on with a comma
// between thousands.
func Figure(v float64) string {
	if v < 0 {
		return "-" + Figure(-v)
	}
	if v >= 999.5 {
		return Count(int64(v + 0.5))
	}
	text := fmt.Sprintf("%.3g", v)
	if strings.Contains(text, "e") {
		text = strings.TrimRight(fmt.Sprintf("%.6f", v), "0")
		return strings.TrimSuffix(text, ".")
	}
	return text
}

// Count writes a number with a comma between thousands.
func Count(n int64) string {
	if n < 0 {
		return "-" + Count(-n)
	}
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", Count(n/1000), n%1000)
}

// Bytes writes a number of bytes in MB, or in kB below one.
func Bytes(n int64) string {
	if n < 1e6 {
		return Figure(float64(n)/1e3) + " kB"
	}
	return Figure(float64(n)/1e6) + " MB"
}
