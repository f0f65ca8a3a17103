package slo

import (
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// A Schedule is a cron expression of five fields: minute, hour, day of the
// month, month, day of the week. Where both days are restricted, either will
// do. The zero Schedule never comes.
type Schedule struct {
	text string
	// spec holds a bit for every value of each field.
	spec *cron.SpecSchedule
}

// String returns the expression as it was written.
func (s Schedule) String() string { return s.text }

// Equal tells whether both were written the same.
func (s Schedule) Equal(other Schedule) bool { return s.text == other.text }

// MarshalText returns what String does.
func (s Schedule) MarshalText() ([]byte, error) { return []byte(s.text), nil }

// fiveFields reads no descriptors such as @daily: @every has no time of the day.
var fiveFields = cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)

const scheduleCure = "write minute, hour, day of the month, month and day of the week, as in 0 3 * * SUN"

// UnmarshalText reads an expression that comes at least once in four years; an
// empty text is the zero Schedule. The error tells the cure.
func (s *Schedule) UnmarshalText(text []byte) error {
	written := string(text)
	switch {
	case written == "":
		*s = Schedule{}
		return nil
	case strings.Contains(written, "TZ="):
		// The parser would take the zone for its own, and panics without a space after it.
		return errors.New("a zone stands in the schedule; write it as time_zone")
	case strings.HasPrefix(written, "@"):
		return fmt.Errorf("%q is not a schedule of five fields; %s", written, scheduleCure)
	}
	parsed, err := fiveFields.Parse(written)
	if err != nil {
		return fmt.Errorf("%q is not a schedule: %w; %s", written, err, scheduleCure)
	}
	read := Schedule{written, parsed.(*cron.SpecSchedule)}
	if !read.comes() {
		return fmt.Errorf("%q never comes; write a day that there is", written)
	}
	*s = read
	return nil
}

// comes tells whether the schedule has a day within any four years.
func (s Schedule) comes() bool {
	if s.spec.Minute == 0 || s.spec.Hour == 0 {
		return false
	}
	const fourYears = 4*365 + 1
	for i := range fourYears {
		if s.on(time.Date(2000, time.January, 1+i, 0, 0, 0, 0, time.UTC)) {
			return true
		}
	}
	return false
}

// star is the bit that the parser sets in a field that was * or ?.
const star = 1 << 63

// on tells whether the schedule comes on the day that begins at midnight.
func (s Schedule) on(midnight time.Time) bool {
	_, month, dayOfMonth := midnight.Date()
	if s.spec.Month>>month&1 == 0 {
		return false
	}
	byDate := s.spec.Dom>>dayOfMonth&1 == 1
	byWeekday := s.spec.Dow>>midnight.Weekday()&1 == 1
	if (s.spec.Dom|s.spec.Dow)&star != 0 {
		return byDate && byWeekday
	}
	return byDate || byWeekday
}

// walls yields the wall times at which the schedule comes, ascending, from the
// beginning of the day of the given one. There is no end to them.
func (s Schedule) walls(from int64) iter.Seq[int64] {
	return func(yield func(int64) bool) {
		if s.spec == nil {
			return
		}
		for midnight := time.Unix(from, 0).UTC().Truncate(day); ; midnight = midnight.Add(day) {
			if !s.on(midnight) {
				continue
			}
			for hour := range int64(24) {
				if s.spec.Hour>>hour&1 == 0 {
					continue
				}
				for minute := range int64(60) {
					if s.spec.Minute>>minute&1 == 1 && !yield(midnight.Unix()+hour*3600+minute*60) {
						return
					}
				}
			}
		}
	}
}
