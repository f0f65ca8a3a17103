package web_test

import (
	"strings"
	"testing"
)

// TestSparklinesFollowLateSpans looks at one while the ledger's clock shows the
// same minute.
func TestSparklinesFollowLateSpans(t *testing.T) {
	b := platform(t)
	const was, late = "budget left over the window: -1,400% now", "budget left over the window: -1,435% now"
	if page := b.get("/", 200); strings.Count(page, was) != 2 {
		t.Fatalf("there are %d sparklines with %q", strings.Count(page, was), was)
	}
	for range 5 {
		b.span(100, "shop", "POST /orders/0", "timeout")
	}
	b.read(120)
	if page := b.get("/", 200); strings.Count(page, late) != 2 || strings.Contains(page, was) {
		_, row, _ := strings.Cut(page, "budget left over the window")
		t.Errorf("the sparklines are not those of the late spans, but %.400s", row)
	}
}
