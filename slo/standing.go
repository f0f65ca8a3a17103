package slo

import "time"

// A Standing is how an objective stands at the ledger's clock, for one value if
// it has one for each.
type Standing struct {
	// SLO and Service are the labels of its series.
	SLO, Service string
	Objective    *Objective
	// Own is what counts in the objective's own window, which is the minutes from
	// From to To, where the clock stands; both are zero before the first complete read.
	Own      Count
	From, To time.Time
	// Coverage is the part of that window that was measured; Measurable is
	// unset where all of it is excluded.
	Coverage   float64
	Measurable bool
	// Elapsed is the part of the whole window, of a calendar period up to its
	// end, that has passed since the objective was measured first.
	Elapsed float64
	// Excluded holds while an exclusion runs.
	Excluded bool
	// Unmatched holds if no span has matched for a day or longer.
	Unmatched bool
	// Tiers are the enabled ones, as TierList has them.
	Tiers []TierStanding
}

// A TierStanding is what the windows of a tier hold.
type TierStanding struct {
	Tier
	LongCount, ShortCount Count
}

// Burning tells whether events are bad in both windows faster than the tier
// allows, and often enough for the floors of the objective.
func (t TierStanding) Burning(o *Objective) bool {
	rate := t.BurnRate.Float()
	return t.LongCount.BurnRate(o.Target) > rate && t.ShortCount.BurnRate(o.Target) > rate &&
		t.LongCount.Events >= uint64(o.Alerting.MinEvents) && t.LongCount.Bad >= uint64(o.Alerting.MinFailures)
}

// Spent tells whether the error budget of all of the window is spent, at the
// rate of events so far, as the alert on that has it.
func (s Standing) Spent() bool {
	t := s.Objective.Target
	return s.Own.Events > 0 && s.Own.Remaining(t) <= 0 && s.Own.BurnRate(t)*s.Elapsed >= 1
}

// Standings returns how all objectives stood when Publish was called last,
// sorted by SLO and Service, and the time up to which all is known. It may be
// called at any time by any goroutine.
func (l *Ledger) Standings(now time.Time) (standings []Standing, upto time.Time) {
	l.mu.RLock()
	v := l.view
	l.mu.RUnlock()
	for i := range v.known {
		if v.known[i].visible {
			standings = append(standings, v.known[i].stands(now))
		}
	}
	return standings, v.upto
}

func (s *shown) stands(now time.Time) Standing {
	o, at := s.objective, s.standing
	out := Standing{SLO: s.slo, Service: s.service, Objective: o.Objective, Own: at.windows[o.own],
		Excluded: o.excludedNow(now), Unmatched: s.unmatched, Measurable: at.elapsed > 0, Elapsed: s.elapsed}
	if s.to > 0 {
		out.From, out.To = time.Unix(s.from*60, 0).UTC(), time.Unix(s.to*60, 0).UTC()
	}
	if out.Measurable {
		out.Coverage = float64(at.measured) / float64(at.elapsed)
	}
	window := func(length time.Duration) Count {
		for i, w := range o.windows {
			if w.minutes == int64(length/time.Minute) {
				return at.windows[i]
			}
		}
		return Count{}
	}
	for _, t := range o.TierList() {
		out.Tiers = append(out.Tiers, TierStanding{Tier: t, LongCount: window(t.Long), ShortCount: window(t.Short)})
	}
	return out
}
