package nearest_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/traceslo/traceslo/internal/nearest"
)

func TestWords(t *testing.T) {
	known := []string{"search", "each", "checkout-availability", "checkout-latency", "month", "größe", "search"}
	for _, test := range []struct {
		name, wrote string
		want        []string
	}{
		{"two letters swapped", "serach", []string{"search"}},
		{"a letter left out", "mnth", []string{"month"}},
		{"capitals", "MONTH", []string{"month"}},
		{"a part of it", "checkout", []string{"checkout-availability", "checkout-latency"}},
		{"letters of more than a byte", "grösse", []string{"größe"}},
		{"nothing like it", "something-else", nil},
		{"nothing", "", nil},
		{"far too much", strings.Repeat("é", 1<<20), nil},
		{"no UTF-8", "\xff\xfe\xff", nil},
	} {
		if got := nearest.Words(test.wrote, known, 3); !slices.Equal(got, test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
	if got := nearest.Words("checkout", known, 1); len(got) != 1 {
		t.Errorf("asked for one, got %q", got)
	}
}

func TestEdits(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want int
	}{{"", "", 0}, {"a", "", 1}, {"", "abc", 3}, {"serie", "series", 1}, {"abcd", "abdc", 1}, {"Größe", "größer", 1}, {"kitten", "sitting", 3}} {
		if got := nearest.Edits(test.a, test.b); got != test.want {
			t.Errorf("%q to %q: got %d, want %d", test.a, test.b, got, test.want)
		}
		if got := nearest.Edits(test.b, test.a); got != test.want {
			t.Errorf("%q to %q: got %d, want %d", test.b, test.a, got, test.want)
		}
	}
}
