package testenv

import (
	"fmt"
	"strings"
	"testing"
)

// PDFPages returns the text of each page of a PDF.
func PDFPages(t testing.TB, path string) []string {
	t.Helper()
	text, err := output(t.Context(), "", nil, "pdftotext", "-raw", path, "-")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(strings.TrimSuffix(text, "\f"), "\f")
}

// CutPlots says which of the plots that a visit printed do not begin and end on the same of the PDF's pages.
func (s *Seen) CutPlots(pages []string) []string {
	var cut []string
	for i := range s.Plots {
		begins, ends := pageWith(pages, fmt.Sprintf("plot-%d-begins", i)), pageWith(pages, fmt.Sprintf("plot-%d-ends", i))
		if begins == 0 || begins != ends {
			cut = append(cut, fmt.Sprintf("plot %d begins on page %d and ends on page %d", i, begins, ends))
		}
	}
	return cut
}

// pageWith returns the number of the first page that holds a word, 0 if none does.
func pageWith(pages []string, word string) int {
	for i, page := range pages {
		if strings.Contains(page, word) {
			return i + 1
		}
	}
	return 0
}
