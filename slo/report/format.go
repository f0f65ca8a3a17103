package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
)

// A Format is a way to write a report.
type Format string

// The formats.
const (
	HTML     Format = "html"
	Markdown Format = "markdown"
	JSON     Format = "json"
	CSV      Format = "csv"
)

// A rendering is how a format is written, and what tells the reader of an
// answer or of a file's name what it is.
type rendering struct {
	format               Format
	mediaType, extension string
	write                func(*Report, io.Writer) error
}

var renderings = []rendering{
	{HTML, "text/html; charset=utf-8", ".html", (*Report).writeHTML},
	{Markdown, "text/markdown; charset=utf-8", ".md", (*Report).writeMarkdown},
	{JSON, "application/json", ".json", (*Report).writeJSON},
	{CSV, "text/csv; charset=utf-8", ".csv", (*Report).writeCSV},
}

// Formats returns all formats.
func Formats() []Format {
	all := make([]Format, len(renderings))
	for i := range renderings {
		all[i] = renderings[i].format
	}
	return all
}

// ParseFormat returns the format of that name. The error tells which there are.
func ParseFormat(text string) (Format, error) {
	if i := Format(text).place(); i >= 0 {
		return Format(text), nil
	}
	names := make([]string, len(renderings))
	for i := range renderings {
		names[i] = string(renderings[i].format)
	}
	return "", fmt.Errorf("%q is no format of a report; write one of %s", text, strings.Join(names, ", "))
}

func (f Format) place() int {
	return slices.IndexFunc(renderings, func(r rendering) bool { return r.format == f })
}

// MediaType returns the format's type as HTTP has it.
func (f Format) MediaType() string { return renderings[f.place()].mediaType }

// Extension returns how the name of a file of the format ends, ".html".
func (f Format) Extension() string { return renderings[f.place()].extension }

// Write writes the report in a format, which is one of Formats.
func (r *Report) Write(w io.Writer, f Format) error { return renderings[f.place()].write(r, w) }
