package slo_test

import (
	"encoding"
	"testing"
	"time"

	"github.com/traceslo/traceslo/slo"
)

// fuzzText holds that a text is refused, or read as something that is written
// so that it reads the same.
func fuzzText[T any, P interface {
	*T
	encoding.TextUnmarshaler
}](f *testing.F, seeds []string, same func(a, b T) bool, check func(*testing.T, T)) {
	for _, seed := range seeds {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var first, second T
		if P(&first).UnmarshalText([]byte(text)) != nil {
			return
		}
		written, err := any(first).(encoding.TextMarshaler).MarshalText()
		if err != nil {
			t.Fatalf("%q cannot be written: %v", text, err)
		}
		if err := P(&second).UnmarshalText(written); err != nil || !same(first, second) {
			t.Fatalf("%q is written %q, which reads as %v, %v", text, written, second, err)
		}
		check(t, first)
	})
}

func FuzzTarget(f *testing.F) {
	fuzzText[slo.Target](f, []string{"99.9%", "0.0000001%", "99,9%", "100%", "1e2%", "99.9", "00.50%"}, func(a, b slo.Target) bool { return a == b },
		func(t *testing.T, target slo.Target) {
			if target.Billionths() <= 0 || target.Billionths() >= 1_000_000_000 {
				t.Errorf("%d was accepted", target)
			}
		})
}

func FuzzFactor(f *testing.F) {
	fuzzText[slo.Factor](f, []string{"14.4", "0.001", "1000000", "1e3", "-1", "0"}, func(a, b slo.Factor) bool { return a == b },
		func(t *testing.T, factor slo.Factor) {
			if factor <= 0 {
				t.Errorf("%d was accepted", factor)
			}
		})
}

func FuzzWindow(f *testing.F) {
	fuzzText[slo.Window](f, []string{"30d", "1h30m", "4w", "90s", "month", "30"}, func(a, b slo.Window) bool { return a == b },
		func(t *testing.T, w slo.Window) {
			if w.Rolling < time.Minute || w.Rolling%time.Minute != 0 {
				t.Errorf("%v was accepted", w.Rolling)
			}
		})
}

func FuzzSchedule(f *testing.F) {
	fuzzText[slo.Schedule](f, []string{"0 3 * * SUN", "*/15 8-18/2 1,15 JAN-MAR ?", "CRON_TZ=UTC", "TZ=", "@every 1h", "0 0 30 2 *", "1/9223372036854775807 * * * *"}, slo.Schedule.Equal,
		func(t *testing.T, s slo.Schedule) {
			x := slo.Exclusion{Schedule: s, Duration: time.Minute}
			from := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC)
			if s.String() != "" && len(x.Between(from, from.AddDate(4, 0, 0))) == 0 {
				t.Errorf("%q was accepted and never comes", s)
			}
		})
}
