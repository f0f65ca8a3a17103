package report

import (
	"cmp"
	"slices"
	"time"
)

// A Stretch is a day or an hour of the period, cut at its ends.
type Stretch struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Events uint64    `json:"events"`
	Bad    uint64    `json:"bad_events"`
	// Achieved is as Figures has it.
	Achieved string `json:"achieved"`
	// Share is the part of the period's error budget that it burnt.
	Share float64 `json:"budget_share"`
}

// maxWorst is how many of the worst days and hours are told.
const maxWorst = 5

// worst returns those of the stretches between edges that had most bad events.
func (b *builder) worst(edges []time.Time, allowed float64) []Stretch {
	all := []Stretch{}
	for i := range len(edges) - 1 {
		if c := b.count(edges[i], edges[i+1]); c.Bad > 0 {
			all = append(all, Stretch{b.local(edges[i]), b.local(edges[i+1]), c.Events, c.Bad, c.Good(), float64(c.Bad) / allowed})
		}
	}
	slices.SortStableFunc(all, func(a, b Stretch) int { return cmp.Compare(b.Bad, a.Bad) })
	return all[:min(maxWorst, len(all))]
}

// days returns the edges of the days of the zone's clocks.
func (b *builder) days() []time.Time {
	edges := []time.Time{b.Period.From}
	year, month, day := b.Period.From.In(b.Period.Zone.Location()).Date()
	for {
		day++
		edge := b.Period.Zone.Reach(time.Date(year, month, day, 0, 0, 0, 0, time.UTC))
		if !edge.Before(b.Period.To) {
			return append(edges, b.Period.To)
		}
		if edge.After(edges[len(edges)-1]) {
			edges = append(edges, edge)
		}
	}
}

// hours returns the edges of the hours of the zone's clocks.
func (b *builder) hours() []time.Time {
	edges := []time.Time{b.Period.From}
	for at := b.local(b.Period.From); ; {
		edge := at.Add(time.Duration(60-at.Minute()) * time.Minute)
		// Clocks may be put forward or back by less than an hour.
		if _, end := at.ZoneBounds(); !end.IsZero() && end.After(at) && end.Before(edge) {
			edge = end.In(at.Location())
		}
		if !edge.Before(b.Period.To) {
			return append(edges, b.Period.To)
		}
		edges = append(edges, edge)
		at = edge
	}
}
