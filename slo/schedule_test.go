package slo_test

import (
	"testing"
	"time"

	"github.com/robfig/cron/v3"

	"github.com/traceslo/traceslo/slo"
)

// schedule returns the schedule of that expression.
func schedule(t testing.TB, text string) slo.Schedule {
	t.Helper()
	var s slo.Schedule
	if err := s.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestScheduleRefuses(t *testing.T) {
	const (
		fields = "; write minute, hour, day of the month, month and day of the week, as in 0 3 * * SUN"
		zoned  = "a zone stands in the schedule; write it as time_zone"
	)
	for text, want := range map[string]string{
		"CRON_TZ=UTC":                       zoned,
		"TZ=UTC":                            zoned,
		"CRON_TZ=Europe/Madrid 0 3 * * SUN": zoned,
		"TZ=":                               zoned,
		"@daily":                            `"@daily" is not a schedule of five fields` + fields,
		"@every 1h":                         `"@every 1h" is not a schedule of five fields` + fields,
		"0 3 * *":                           `"0 3 * *" is not a schedule: expected exactly 5 fields, found 4: [0 3 * *]` + fields,
		"0 0 3 * * SUN":                     `"0 0 3 * * SUN" is not a schedule: expected exactly 5 fields, found 6: [0 0 3 * * SUN]` + fields,
		" ":                                 `" " is not a schedule: expected exactly 5 fields, found 0: []` + fields,
		"60 3 * * *":                        `"60 3 * * *" is not a schedule: end of range (60) above maximum (59): 60` + fields,
		"0 3 * * 7":                         `"0 3 * * 7" is not a schedule: end of range (7) above maximum (6): 7` + fields,
		"0 3 L * *":                         `"0 3 L * *" is not a schedule: failed to parse int from L: strconv.Atoi: parsing "L": invalid syntax` + fields,
		"*/0 * * * *":                       `"*/0 * * * *" is not a schedule: step of range should be a positive number: */0` + fields,
		"0 3 30 2 *":                        `"0 3 30 2 *" never comes; write a day that there is`,
		"0 3 31 4,6,9,11 *":                 `"0 3 31 4,6,9,11 *" never comes; write a day that there is`,
		", 3 * * *":                         `", 3 * * *" never comes; write a day that there is`,
	} {
		var got slo.Schedule
		if err := got.UnmarshalText([]byte(text)); err == nil || err.Error() != want {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

func TestScheduleIsShownAsWritten(t *testing.T) {
	for _, text := range []string{"0 3 * * SUN", "*/15  22-23 1,15 JAN-MAR ?", "0 0 29 2 *", ""} {
		s := schedule(t, text)
		if s.String() != text || !s.Equal(schedule(t, text)) {
			t.Errorf("%q became %q", text, s)
		}
	}
	if schedule(t, "0 3 * * SUN").Equal(schedule(t, "0 3 * * MON")) {
		t.Error("Sunday is Monday")
	}
}

// TestScheduleComesWhenCronDoes holds that in UTC, where no clock is touched, an
// exclusion begins exactly when the cron package says.
func TestScheduleComesWhenCronDoes(t *testing.T) {
	from, to := instant(t, "2023-06-01T00:00:00Z"), instant(t, "2024-07-05T00:00:00Z")
	for _, text := range []string{
		"0 3 * * *", "*/7 * * * *", "59 23 31 * *", "0 0 29 2 *", "30 4 1,15 * FRI", "0 12 */10 * MON", "0 12 * */5 SUN-TUE", "5-10/2 8-18 ? JAN,JUN *", "0 0 1 1 *", "0 6 31 * ?", "* * 13 * FRI",
	} {
		x := slo.Exclusion{Schedule: schedule(t, text), Duration: time.Minute}
		spec, err := cron.ParseStandard("CRON_TZ=UTC " + text)
		if err != nil {
			t.Fatal(err)
		}
		want := map[time.Time]bool{}
		for at := spec.Next(from.Add(-time.Second)); !at.IsZero() && at.Before(to); at = spec.Next(at) {
			want[at.UTC()] = true
		}
		got := map[time.Time]bool{}
		for _, i := range x.Between(from, to) {
			for at := i.From; at.Before(i.To); at = at.Add(time.Minute) {
				got[at] = true
			}
		}
		for at := range want {
			if !got[at] {
				t.Errorf("%s: does not come at %v", text, at)
			}
		}
		if len(got) != len(want) || len(want) == 0 {
			t.Errorf("%s: comes %d times, want %d", text, len(got), len(want))
		}
	}
}
