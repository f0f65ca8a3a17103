package slo_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/slo"
)

func TestWhenAScheduleIsDue(t *testing.T) {
	for _, test := range []struct {
		name, schedule, zone, after string
		want                        []string
	}{
		{"every Monday, the clocks put forward between", "0 6 * * MON", "Europe/Madrid", "2026-03-23T06:00:00+01:00",
			[]string{"2026-03-30T06:00:00+02:00", "2026-04-06T06:00:00+02:00"}},
		{"every Monday, the clocks put back between", "0 6 * * MON", "Europe/Madrid", "2026-10-19T06:00:00+02:00",
			[]string{"2026-10-26T06:00:00+01:00", "2026-11-02T06:00:00+01:00"}},
		{"a time that clocks skip comes when they were put forward", "30 2 * * *", "Europe/Madrid", "2026-03-28T12:00:00+01:00",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"}},
		{"two times that clocks skip come once", "15,45 2 * * *", "Europe/Madrid", "2026-03-28T12:00:00+01:00",
			[]string{"2026-03-29T03:00:00+02:00", "2026-03-30T02:15:00+02:00"}},
		{"a time that clocks show twice comes the first time", "30 2 * * *", "Europe/Madrid", "2026-10-24T12:00:00+02:00",
			[]string{"2026-10-25T02:30:00+02:00", "2026-10-26T02:30:00+01:00"}},
		{"and not again within the hour that comes again", "30 2 * * *", "Europe/Madrid", "2026-10-25T02:30:00+02:00",
			[]string{"2026-10-26T02:30:00+01:00"}},
		{"half an hour put forward", "10 2 * * *", "Australia/Lord_Howe", "2026-10-03T12:00:00+10:30",
			[]string{"2026-10-04T02:30:00+11:00", "2026-10-05T02:10:00+11:00"}},
		{"far ahead of UTC, the day is another one", "0 0 1 * *", "Pacific/Kiritimati", "2026-12-30T12:00:00Z",
			[]string{"2026-12-31T10:00:00Z"}},
		{"a leap day", "0 0 29 2 *", "UTC", "2026-01-01T00:00:00Z", []string{"2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var zone slo.Zone
			if err := zone.UnmarshalText([]byte(test.zone)); err != nil {
				t.Fatal(err)
			}
			s := schedule(t, test.schedule)
			after := instant(t, test.after)
			var want []string
			for _, text := range test.want {
				due := instant(t, text)
				if got := s.Next(zone, after); !got.Equal(due) {
					t.Errorf("after %v, it is due at %v, want %v", after, got, due)
				}
				// A second before, it is not yet.
				if last, ok := s.Last(zone, after, due.Add(-time.Second)); ok {
					t.Errorf("after %v and before %v, it is due at %v", after, due, last)
				}
				if last, ok := s.Last(zone, after, due.Add(time.Second)); !ok || !last.Equal(due) {
					t.Errorf("after %v and upto %v, it was due at %v, want %v", after, due, last, due)
				}
				after = due
				want = append(want, due.UTC().String())
			}
			last, _ := s.Last(zone, instant(t, test.after), after)
			if diff := cmp.Diff(want[len(want)-1], last.UTC().String()); diff != "" {
				t.Errorf("the last of all (-want +got):\n%s", diff)
			}
		})
	}
	if at := (slo.Schedule{}).Next(slo.Zone{}, epoch); !at.IsZero() {
		t.Errorf("no schedule comes at %v", at)
	}
}

func TestWhatTheLedgerKnows(t *testing.T) {
	b := newBench(t, availability("a", thirtyDays))
	if b.ledger.Knows(at(0)) {
		t.Error("a new ledger knows what was")
	}
	j := &judged{}
	j.event(0, "", at(9), 1, 0)
	b.step(at(10), j)
	for range 2 {
		if !b.ledger.Knows(at(10)) || b.ledger.Knows(at(11)) {
			t.Errorf("read up to minute 10, it knows up to minute 10: %t, up to minute 11: %t", b.ledger.Knows(at(10)), b.ledger.Knows(at(11)))
		}
		b.load(at(100), false)
	}
}
