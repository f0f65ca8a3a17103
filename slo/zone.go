package slo

import (
	"fmt"
	"math"
	"time"
)

// A Zone is an IANA time zone; the zero Zone is UTC.
type Zone struct{ location *time.Location }

// Location returns the zone for package time. It is never nil.
func (z Zone) Location() *time.Location {
	if z.location == nil {
		return time.UTC
	}
	return z.location
}

// String returns the zone's name, as in Europe/Madrid.
func (z Zone) String() string { return z.Location().String() }

// Equal tells whether both are the same zone.
func (z Zone) Equal(other Zone) bool { return z.String() == other.String() }

// MarshalText returns what String does.
func (z Zone) MarshalText() ([]byte, error) { return []byte(z.String()), nil }

// UnmarshalText reads the name of a zone. What zones there are is known from
// the machine, or from time/tzdata where a program imports that.
func (z *Zone) UnmarshalText(text []byte) error {
	name := string(text)
	if name == "UTC" {
		*z = Zone{}
		return nil
	}
	location, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return fmt.Errorf("%q is not an IANA time zone; write for example Europe/Madrid or UTC", name)
	}
	*z = Zone{location}
	return nil
}

// Reach returns the first instant at which the zone's clocks show the time that
// wall does, whatever zone that is in, or more: a time that they skip is
// reached when they have been put forward.
func (z Zone) Reach(wall time.Time) time.Time {
	year, month, day := wall.Date()
	hour, minute, second := wall.Clock()
	shown := time.Date(year, month, day, hour, minute, second, 0, time.UTC).Unix()
	return time.Unix(z.clockFor(shown).reach(shown), 0).In(z.Location())
}

// maxOffset is more than any zone has been away from UTC, in seconds.
const maxOffset = 16 * 60 * 60

// A wallClock tells when a zone's clocks first show a time. That is a question
// of its own because clocks are put forward and back: a time that they skip is
// reached when they have been put forward, and one that they show twice is
// reached the first time.
//
// A wall time is what the clock shows, read as if it were UTC, in seconds since
// the Unix epoch.
type wallClock struct {
	location *time.Location
	// From the instant start to the instant end the clock is offset away from
	// UTC. All are in seconds.
	start, end, offset int64
}

// clockFor returns a clock that can be asked for wall times from the given one.
func (z Zone) clockFor(wall int64) *wallClock {
	c := &wallClock{location: z.Location()}
	c.wind(wall - maxOffset)
	return c
}

// wind sets the clock to an instant.
func (c *wallClock) wind(instant int64) {
	at := time.Unix(instant, 0).In(c.location)
	_, offset := at.Zone()
	c.start, c.end, c.offset = instant, math.MaxInt64, int64(offset)
	if _, end := at.ZoneBounds(); !end.IsZero() {
		// On the last day of a leap year that a zone has only a rule for, Go
		// 1.26 returns an end that is past already. No clock changes that day.
		c.end = max(end.Unix(), instant+60*60)
	}
}

// reach returns the first instant, in Unix seconds, at which the clock shows
// wall or more. From one call to the next wall must not fall.
func (c *wallClock) reach(wall int64) int64 {
	for wall-c.offset >= c.end {
		c.wind(c.end)
	}
	return max(wall-c.offset, c.start)
}
