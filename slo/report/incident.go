package report

import (
	"time"

	"github.com/traceslo/traceslo/slo"
)

// An Incident is a time in which at least one tier was exceeded all along: events
// were bad in both of its windows faster than it allows, and often enough for
// the floors.
type Incident struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Before holds if it began before the period, Runs if it had not ended with
	// it, or with what is known.
	Before bool   `json:"began_before"`
	Runs   bool   `json:"goes_on"`
	Events uint64 `json:"events"`
	Bad    uint64 `json:"bad_events"`
	// Share is the part of the period's error budget that its bad events burnt.
	Share float64 `json:"budget_share"`
	// Tiers are those that were exceeded, in the order of the objective's.
	Tiers []IncidentTier `json:"tiers"`
}

// An IncidentTier is how long a tier was exceeded in an incident.
type IncidentTier struct {
	Severity string `json:"severity"`
	Long     string `json:"long"`
	Short    string `json:"short"`
	BurnRate string `json:"burn_rate"`
	// From and To are the first time and the end of the last, Minutes how many in all.
	From    time.Time `json:"from"`
	To      time.Time `json:"to"`
	Minutes int       `json:"minutes"`
}

// incidents looks at each minute of the period as at the end of it.
func (b *builder) incidents(o *slo.Objective, allowed float64) []Incident {
	found := []Incident{}
	first := b.minute(b.Period.From)
	end := max(first, b.minute(b.known(b.Period.To)))
	tiers := measuresOf(o)
	if b.between(0, end).Bad == 0 || len(tiers) == 0 {
		return found
	}
	var spans []tierSpan // of the incident that runs
	for m := first; m <= end; m++ {
		burns := false
		for i := range tiers {
			if m < end && b.burning(&tiers[i], m) {
				spans = extend(spans, i, m)
				burns = true
			}
		}
		if !burns && len(spans) > 0 {
			found = append(found, b.incident(tiers, spans, m, allowed))
			spans = nil
		}
	}
	for i := range found {
		found[i].Runs = b.minute(found[i].To) == end
		found[i].Before = b.minute(found[i].From) == first && b.burnsAt(tiers, first-1)
	}
	return found
}

// A tierMeasure is a tier as it is asked for each minute.
type tierMeasure struct {
	slo.Tier
	objective   *slo.Objective
	long, short int // in minutes
	rate        float64
}

func measuresOf(o *slo.Objective) []tierMeasure {
	var all []tierMeasure
	for _, t := range o.TierList() {
		all = append(all, tierMeasure{t, o, int(t.Long / time.Minute), int(t.Short / time.Minute), t.BurnRate.Float()})
	}
	return all
}

// burning tells whether a tier was exceeded at the end of a minute. A window
// holds that minute and those of its length before it.
func (b *builder) burning(t *tierMeasure, m int) bool {
	short := b.between(m-t.short, m+1)
	// Most minutes are told by this alone.
	if short.Bad == 0 || short.BurnRate(t.objective.Target) <= t.rate {
		return false
	}
	return slo.TierStanding{Tier: t.Tier, LongCount: b.between(m-t.long, m+1), ShortCount: short}.Burning(t.objective)
}

func (b *builder) burnsAt(tiers []tierMeasure, m int) bool {
	for i := range tiers {
		if m >= 0 && b.burning(&tiers[i], m) {
			return true
		}
	}
	return false
}

// A tierSpan is the minutes from first to last in which a tier was exceeded n times.
type tierSpan struct{ tier, first, last, n int }

func extend(spans []tierSpan, tier, m int) []tierSpan {
	for i := range spans {
		if spans[i].tier == tier {
			spans[i].last, spans[i].n = m, spans[i].n+1
			return spans
		}
	}
	return append(spans, tierSpan{tier, m, m, 1})
}

// incident returns the one that ends before minute end.
func (b *builder) incident(tiers []tierMeasure, spans []tierSpan, end int, allowed float64) Incident {
	at := func(m int) time.Time { return b.local(b.first.Add(time.Duration(m) * time.Minute)) }
	begin := end
	of := Incident{To: at(end)}
	for i, t := range tiers {
		for _, s := range spans {
			if s.tier == i {
				begin = min(begin, s.first)
				of.Tiers = append(of.Tiers, IncidentTier{t.Severity, slo.FormatWindow(t.Long), slo.FormatWindow(t.Short), t.BurnRate.String(), at(s.first), at(s.last + 1), s.n})
			}
		}
	}
	c := b.between(begin, end)
	of.From, of.Events, of.Bad = at(begin), c.Events, c.Bad
	// Long windows may hold what was bad before a period without events.
	if allowed > 0 {
		of.Share = float64(c.Bad) / allowed
	}
	return of
}
