package source_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/sourcetest"
)

func TestGroupsAreReadAsTheirSpansAre(t *testing.T) {
	for _, test := range []struct {
		name  string
		start source.Start
		// want are the spans by how many minutes before the epoch they ended.
		want   map[int64]uint64
		before float64
	}{
		{"from the beginning", source.Start{Earliest: true}, map[int64]uint64{0: 400, 60: 300}, 0},
		{"what ended early is cut", source.Start{Back: 30 * time.Minute}, map[int64]uint64{0: 400}, 300},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBench(t, test.start)
			b.memory.Grouped, b.memory.PageSize = true, 50
			b.budget = 5
			b.restart()
			x := b.memory.Create("a", 2)
			failed := b.spans(1, 0)
			failed[0].Failed, failed[0].Start = true, failed[0].Start-1
			x.Append(0, b.spans(300, time.Hour)...)
			x.Append(1, b.spans(400, 0)...)
			x.Append(1, failed...)
			b.memory.Advance(time.Second)

			steps := 0
			for more := true; more; steps++ {
				var err error
				if more, err = b.feed.Step(t.Context(), epoch); err != nil {
					t.Fatal(err)
				}
			}
			got := map[int64]uint64{}
			for minute, n := range b.book.groups {
				got[epoch.Unix()/60-minute] = n
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("spans in groups by minute (-want +got):\n%s", diff)
			}
			b.want(failed)
			all := float64(1)
			for _, n := range test.want {
				all += float64(n)
			}
			if got := b.metric("spans_total"); got != all {
				t.Errorf("%v spans are told, want %v", got, all)
			}
			if got := b.metric("spans_before_start_total"); got != test.before {
				t.Errorf("%v spans before the start are told, want %v", got, test.before)
			}
			if got := b.metric("lateness_seconds"); got != all {
				t.Errorf("%v spans have a lateness, want %v", got, all)
			}
			if b.book.examples == 0 {
				t.Error("no example was handed on")
			}
			// Fifteen pages of one group or two: the budget is one of groups, not of spans.
			if steps < 3 || steps > 7 {
				t.Errorf("%d steps for 15 pages, with a budget of 5 groups", steps)
			}
		})
	}
}

func TestGroupsOfMemoryKeepTheContract(t *testing.T) {
	b := newBench(t, source.Start{})
	b.memory.Grouped = true
	x := b.memory.Create("a", 2)
	x.Append(0, b.spans(20, time.Hour)...)
	x.Append(1, b.spans(9, time.Minute)...)
	sourcetest.Contract(t, b.memory)
}
