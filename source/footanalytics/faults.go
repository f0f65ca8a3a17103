package footanalytics

import (
	"fmt"
	"time"
)

// A FaultKind is a way in which the platform goes wrong.
type FaultKind string

// The ways in which the platform goes wrong.
const (
	// SlowInference: the GPUs take six times as long, so that most calls of
	// ml.inference last more than 5 s.
	SlowInference FaultKind = "slow-inference"
	// FailingUploads: s3-storage refuses 40 % of the videos, and the
	// uploads of video-ingestion fail with S3UploadError.
	FailingUploads FaultKind = "failing-uploads"
)

// FaultKinds lists every kind, for flags.
var FaultKinds = []FaultKind{SlowInference, FailingUploads}

// A Fault is a kind of fault and when it happens. It concerns the traces that
// begin in [From, To), by whole seconds.
type Fault struct {
	Kind FaultKind
	From time.Time
	// To is zero for a fault without end.
	To time.Time
}

func (f Fault) validate() error {
	if f.Kind != SlowInference && f.Kind != FailingUploads {
		return fmt.Errorf("fault %q: there are %q", f.Kind, FaultKinds)
	}
	if !f.To.IsZero() && !f.From.Before(f.To) {
		return fmt.Errorf("fault %q from %v to %v: it must end after it begins", f.Kind, f.From, f.To)
	}
	return nil
}

// A schedule says how often a fault comes by itself: once in each period
// (counted from the Unix epoch), at a time and for a while that hang on the seed.
type schedule struct {
	kind                      FaultKind
	salt                      uint64
	period, shortest, longest int64 // seconds
}

// The periods are no whole fractions of a week, so that the faults wander
// through its days.
var schedules = [...]schedule{
	{SlowInference, 0x51, 65 * 3600, 20 * 60, 50 * 60},
	{FailingUploads, 0x52, 50 * 3600, 10 * 60, 25 * 60},
}

// window returns the slots [from, to) of the fault in the period that slot lies in.
func (c *schedule) window(seed uint64, slot int64) (from, to int64) {
	n := slot / c.period
	random := mix(mix(seed^c.salt) + uint64(n))
	lasts := c.shortest + int64(random>>32)%(c.longest-c.shortest)
	from = n*c.period + int64(uint32(random))%(c.period-lasts)
	return from, from + lasts
}

// under is the set of faults under way.
type under struct{ slowInference, failingUploads bool }

func (u *under) set(k FaultKind) {
	switch k {
	case SlowInference:
		u.slowInference = true
	case FailingUploads:
		u.failingUploads = true
	}
}

// has holds if k is under way.
func (u under) has(k FaultKind) bool {
	return k == SlowInference && u.slowInference || k == FailingUploads && u.failingUploads
}

// underWay returns the faults that concern the traces of a slot.
func (s *Source) underWay(slot int64) under {
	var u under
	if !s.calm {
		for i := range schedules {
			if from, to := schedules[i].window(s.seed, slot); from <= slot && slot < to {
				u.set(schedules[i].kind)
			}
		}
	}
	for _, f := range s.faults {
		if f.From.Unix() <= slot && (f.To.IsZero() || slot < f.To.Unix()) {
			u.set(f.Kind)
		}
	}
	return u
}

// Faults returns the faults that happen between from and to: those that come by
// themselves, in order of time within each kind, then those switched on by hand.
func (s *Source) Faults(from, to time.Time) []Fault {
	var faults []Fault
	if !s.calm {
		for i := range schedules {
			c := &schedules[i]
			for slot := from.Unix(); slot/c.period <= to.Unix()/c.period; slot += c.period {
				f, t := c.window(s.seed, slot)
				faults = append(faults, Fault{c.kind, time.Unix(f, 0).UTC(), time.Unix(t, 0).UTC()})
			}
		}
	}
	faults = append(faults, s.faults...)
	happen := faults[:0]
	for _, f := range faults {
		if f.From.Before(to) && (f.To.IsZero() || f.To.After(from)) {
			happen = append(happen, f)
		}
	}
	return happen
}
