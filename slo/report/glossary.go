package report

// A term of the glossary.
type term struct{ Term, Meaning string }

// glossary explains the words of a report to those who read one once a month.
var glossary = []term{
	{"Objective", "What a service promises: that of its events at least this part is good."},
	{"Event", "A stored span that the objective is about. It is good or bad, and counts in the minute in which it ended."},
	{"Achieved", "The good events of the period over all of them, rounded down. Counts are added up first and divided last, so that a busy hour weighs more than a quiet one."},
	{"Error budget", "The part of the period's events that may be bad: events × (100% − objective). It is that of the report's period, also where the objective alerts by another window."},
	{"Budget left", "1 minus the bad events over those that the budget allows. Below 0% more is spent than there was."},
	{"Burn-down", "What is left of the budget of all events of the period, after the bad events up to each time. It starts at 100% and ends at what is left."},
	{"Burn rate", "How many times faster than the budget allows events are bad. At 1 the budget lasts exactly as long as the window."},
	{"Tier", "A pair of windows, a long and a short one, and a burn rate. It is exceeded while both windows burn faster, and hold enough events for the alert's floors."},
	{"Incident", "A time in which at least one tier was exceeded all along, reckoned minute by minute from the ledger. Its share is the part of the period's budget that the bad events within it burnt."},
	{"Culprit", "What bad events have in common: service, operation, type of error and configured dimensions. They are kept by whole days of UTC; at least says that some of a crowded day are only known as others."},
	{"Coverage", "The part of the period's minutes of which it is known what happened. An idle minute was measured and had no event; of an unmeasured one nobody knows. Where less than half is known, nothing is called within budget."},
	{"Excluded", "Minutes that do not count, for a reason that was written down."},
}
