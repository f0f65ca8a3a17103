package slo

import (
	"math/big"
	"slices"
	"time"
)

// A Tier is a pair of windows over both of which the budget burns too fast.
type Tier struct {
	// Severity is page or ticket.
	Severity string `yaml:"severity"`
	// Long and Short are whole minutes, Short the shorter.
	Long  time.Duration `yaml:"long"`
	Short time.Duration `yaml:"short"`
	// BurnRate is how many times faster than the budget allows the events are
	// bad when the tier fires.
	BurnRate Factor `yaml:"burn_rate"`
}

// The severities of a Tier.
const (
	PageSeverity   = "page"
	TicketSeverity = "ticket"
)

// standardLength is the window that the standard tiers are written for.
const standardLength = 30 * day

// standard are the tiers for standardLength, with the percentage of the budget
// that each stands for. They are Table 5-8 of the chapter "Alerting on SLOs" of
// Google's Site Reliability Workbook (https://sre.google/workbook/alerting-on-slos/),
// and the tier of a day that the chapter's listing adds.
var standard = []struct {
	Tier
	percent int64
}{
	{Tier{PageSeverity, time.Hour, 5 * time.Minute, 14_400}, 2},
	{Tier{PageSeverity, 6 * time.Hour, 30 * time.Minute, 6_000}, 5},
	{Tier{TicketSeverity, day, 2 * time.Hour, 3_000}, 10},
	{Tier{TicketSeverity, 3 * day, 6 * time.Hour, 1_000}, 10},
}

// StandardTiers returns the tiers of an objective that names none. Each fires
// when the same share of the window's budget is spent as for 30 days: 2 %, 5 %,
// 10 % and 10 %.
//
// For a window of about a month, which is 28 to 31 days or the calendar's
// month, the tiers keep the lengths that everybody knows, and the burn rate
// bears the difference: 13.44 instead of 14.4 for 28 days. For any other window
// the lengths grow and shrink with it: 2 % of a week's budget within an hour
// would be a burn rate of 3.36, at which hardly a night passes without a page,
// and three days are no part of a day. Lengths are rounded to minutes, at least
// 2 and 1, and the burn rate is reckoned again from what they came to. Of tiers
// whose severity and long window become the same, which happens in windows of
// less than five hours, the one of the lowest burn rate stays.
func StandardTiers(w Window) []Tier {
	length := w.Length()
	tiers := make([]Tier, len(standard))
	for i, s := range standard {
		t := s.Tier
		if length < 28*day || length > 31*day {
			t.Short = max(time.Minute, scale(t.Short, length))
			t.Long = max(2*time.Minute, t.Short+time.Minute, scale(t.Long, length))
		}
		t.BurnRate = Factor(roundedQuotient(s.percent*int64(one), int64(length/time.Minute), 100*int64(t.Long/time.Minute)))
		tiers[i] = t
	}
	return slices.CompactFunc(tiers, Tier.sameAlert)
}

// sameAlert tells whether the alerts of t and other have the same labels.
func (t Tier) sameAlert(other Tier) bool {
	return t.Severity == other.Severity && t.Long == other.Long
}

// scale returns the part of length that d is of standardLength, in whole minutes.
func scale(d, length time.Duration) time.Duration {
	return time.Duration(roundedQuotient(int64(d/time.Minute), int64(length/time.Minute), int64(standardLength/time.Minute))) * time.Minute
}

// roundedQuotient returns a×b/c, exactly and then rounded to the nearest, half up.
// None of them is negative, and c is not 0.
func roundedQuotient(a, b, c int64) int64 {
	doubled := new(big.Int).Mul(big.NewInt(2*a), big.NewInt(b))
	doubled.Add(doubled, big.NewInt(c))
	return doubled.Quo(doubled, big.NewInt(2*c)).Int64()
}

// Share returns which part of the budget of the window w is spent when the
// burn rate has lasted for Long: 0.02 is 2 %. For a calendar period it is that
// of its nominal length.
func (t Tier) Share(w Window) float64 {
	if w.Length() == 0 {
		return 0
	}
	return t.BurnRate.Float() * float64(t.Long) / float64(w.Length())
}

// TierList returns the tiers that alert: its own or the standard ones, without
// those of a severity that is disabled; none if all are. With comes first.
func (o *Objective) TierList() []Tier {
	tiers := slices.Clone(o.Alerting.Tiers)
	if len(tiers) == 0 {
		tiers = StandardTiers(o.Window)
	}
	return slices.DeleteFunc(tiers, o.Alerting.mutes)
}

// mutes tells whether a alerts of no burn at all, or of none of t's severity.
func (a Alerting) mutes(t Tier) bool {
	return a.Disabled || t.Severity == PageSeverity && a.Page.Disabled || t.Severity == TicketSeverity && a.Ticket.Disabled
}

// AlertWindows returns the lengths of the windows of TierList, ascending, each once.
func (o *Objective) AlertWindows() []time.Duration {
	var lengths []time.Duration
	for _, t := range o.TierList() {
		lengths = append(lengths, t.Long, t.Short)
	}
	slices.Sort(lengths)
	return slices.Compact(lengths)
}
