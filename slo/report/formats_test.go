package report_test

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"math"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/net/html"

	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report"
)

// otherFormats reads the figures of all objectives out of CSV, Markdown and
// HTML, and holds each of them against the recount.
func otherFormats(t *testing.T, r *report.Report, all map[string]*recount, month, before []int64) {
	t.Helper()
	table := map[string][]string{}
	rows := map[string][]string{}
	for _, o := range r.Objectives {
		c := all[o.SLO]
		for _, column := range c.row(month, before) {
			table[column.name] = append(table[column.name], column.words)
		}
		for _, column := range c.values(month, before) {
			rows[column.name] = append(rows[column.name], column.words)
		}
	}
	if len(table["Achieved"]) == 0 {
		t.Fatal("there is nothing to compare")
	}
	compare := func(f report.Format, got, want map[string][]string) {
		t.Helper()
		for name := range want {
			if diff := gocmp.Diff(want[name], got[name]); diff != "" {
				t.Errorf("%s: %s: -recount +report\n%s", f, name, diff)
			}
		}
	}
	compare(report.CSV, columnsOf(csvRows(t, written(t, r, report.CSV))), rows)
	compare(report.Markdown, columnsOf(markdownRows(written(t, r, report.Markdown))), table)
	compare(report.HTML, columnsOf(htmlRows(t, written(t, r, report.HTML))), table)
}

// A figure is what a report says in one column.
type figure struct{ name, words string }

// row returns what the tables for people say, by their columns.
func (r *recount) row(month, before []int64) []figure {
	events, bad := r.sum(month)
	achieved, left := "none", "–"
	if events > 0 {
		// At most four decimals, rounded down.
		n := (events - bad) * 1_000_000 / events
		achieved = strings.TrimRight(strings.TrimRight(fmt.Sprintf("%d.%04d", n/10_000, n%10_000), "0"), ".") + "%"
		left = tenths(r.left(events, bad))
	}
	wasLeft := "–"
	if wasEvents, wasBad := r.sum(before); wasEvents > 0 {
		wasLeft = tenths(r.left(wasEvents, wasBad))
	}
	incidents, paged := r.counted(month)
	words := "none"
	if incidents > 0 {
		words = fmt.Sprintf("%d (%d)", incidents, paged)
	}
	return []figure{
		{"Achieved", achieved},
		{"Events", strconv.FormatUint(events, 10)},
		{"Bad", strconv.FormatUint(bad, 10)},
		{"Budget left", left},
		{"Coverage", tenths(r.covered(month))},
		{"Before", wasLeft},
		{"Incidents (page)", words},
	}
}

// values returns what a spreadsheet gets, by its columns.
func (r *recount) values(month, before []int64) []figure {
	events, bad := r.sum(month)
	wasEvents, wasBad := r.sum(before)
	ratio, left, wasLeft := "", "", ""
	if events > 0 {
		ratio, left = short(1-float64(bad)/float64(events)), short(r.left(events, bad))
	}
	if wasEvents > 0 {
		wasLeft = short(r.left(wasEvents, wasBad))
	}
	incidents, _ := r.counted(month)
	return []figure{
		{"events", strconv.FormatUint(events, 10)},
		{"bad_events", strconv.FormatUint(bad, 10)},
		{"achieved_ratio", ratio},
		{"budget_left_ratio", left},
		{"incidents", strconv.Itoa(incidents)},
		{"coverage_ratio", short(r.covered(month))},
		{"previous_events", strconv.FormatUint(wasEvents, 10)},
		{"previous_bad_events", strconv.FormatUint(wasBad, 10)},
		{"previous_budget_left_ratio", wasLeft},
	}
}

func (r *recount) left(events, bad uint64) float64 {
	return 1 - float64(bad)/float64(events)/(1-r.target)
}

// covered returns the part of the minutes that are not excluded of which it is
// known what happened.
func (r *recount) covered(minutes []int64) float64 {
	known, all := 0, 0
	for _, m := range minutes {
		if r.excluded(m) {
			continue
		}
		all++
		if r.measured(m) {
			known++
		}
	}
	return float64(known) / float64(all)
}

// counted returns how many incidents there were, and in how many of them a tier
// that pages was exceeded.
func (r *recount) counted(month []int64) (incidents, paged int) {
	for _, line := range r.incidents(month) {
		incidents++
		for _, tier := range r.tiers {
			if tier.Severity == slo.PageSeverity && strings.Contains(line, " "+slo.FormatWindow(tier.Long)+":") {
				paged++
				break
			}
		}
	}
	return incidents, paged
}

// tenths writes a part in percent with one decimal, rounded down.
func tenths(part float64) string {
	return strings.Replace(fmt.Sprintf("%.1f%%", math.Floor(part*1000+1e-6)/10), "-0.0%", "0.0%", 1)
}

// short leaves out decimals in which two ways to reckon may differ.
func short(f float64) string { return strconv.FormatFloat(f, 'f', 9, 64) }

// columnsOf returns the cells of a table by the names in its first row, numbers
// without commas, and those with many decimals shortened.
func columnsOf(rows [][]string) map[string][]string {
	columns := map[string][]string{}
	for _, row := range rows[1:] {
		for i, cell := range row {
			cell = strings.ReplaceAll(strings.TrimSpace(cell), ",", "")
			if number, err := strconv.ParseFloat(cell, 64); err == nil && strings.HasSuffix(rows[0][i], "_ratio") {
				cell = short(number)
			}
			name := strings.TrimSpace(rows[0][i])
			columns[name] = append(columns[name], cell)
		}
	}
	return columns
}

func csvRows(t *testing.T, text []byte) [][]string {
	t.Helper()
	rows, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// markdownRows returns the first table of a text, without the line under its head.
func markdownRows(text []byte) (rows [][]string) {
	_, rest, _ := strings.Cut(string(text), "\n| ")
	table, _, _ := strings.Cut("| "+rest, "\n\n")
	for i, line := range strings.Split(table, "\n") {
		if i != 1 {
			// A pipe in a name is escaped.
			cells := strings.Split(strings.ReplaceAll(line, `\|`, ""), "|")
			rows = append(rows, cells[1:len(cells)-1])
		}
	}
	return rows
}

// htmlRows returns the first table of a page.
func htmlRows(t *testing.T, text []byte) (rows [][]string) {
	t.Helper()
	for table := range parsed(t, text).Descendants() {
		if table.Data != "table" {
			continue
		}
		for row := range table.Descendants() {
			if row.Data != "tr" {
				continue
			}
			var cells []string
			for cell := range row.ChildNodes() {
				if cell.Type == html.ElementNode {
					cells = append(cells, textOf(cell))
				}
			}
			rows = append(rows, cells)
		}
		return rows
	}
	t.Fatal("the page has no table")
	return nil
}

func parsed(t *testing.T, text []byte) *html.Node {
	t.Helper()
	page, err := html.Parse(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return page
}

func textOf(n *html.Node) string {
	text := ""
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			text += d.Data
		}
	}
	return text
}
