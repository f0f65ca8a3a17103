package report_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/traceslo/traceslo/slo"
)

// A recount works out a month of Madrid by looking at every minute of it, from
// what was told, without a ledger.
type recount struct {
	*world
	name string
	key  string
	// target is in parts of a thousand, budget in thousandths of the events.
	target float64
	tiers  []slo.Tier
	// excluded tells of minutes since the Unix epoch.
	excluded func(int64) bool
	expects  bool
}

// recounts returns one for each objective of october, by its name.
func recounts(t testing.TB, w *world) map[string]*recount {
	madrid := zone(t, "Europe/Madrid").Location()
	move := func(m int64) bool {
		begin := time.Date(2026, 10, 7, 22, 0, 0, 0, time.UTC).Unix() / 60
		return m >= begin && m < begin+3*60+10
	}
	// From the first minute of a Sunday at which clocks show 02:30 or more.
	sundays := map[int64]bool{}
	done := map[string]bool{}
	for m := w.since.Unix() / 60; m < autumn.Unix()/60; m++ {
		at := time.Unix(m*60, 0).In(madrid)
		if day := at.Format(time.DateOnly); at.Weekday() == time.Sunday && !done[day] && at.Hour()*60+at.Minute() >= 150 {
			done[day] = true
			for i := range int64(95) {
				sundays[m+i] = true
			}
		}
	}
	all := []*recount{
		{name: "gateway-availability", key: key(0, ""), target: 0.999, tiers: slo.StandardTiers(thirtyDays), excluded: move},
		{name: "uploads", key: key(1, ""), target: 0.995, tiers: slo.StandardTiers(slo.Window{Calendar: slo.Week}), excluded: func(m int64) bool { return sundays[m] }},
		{name: "reads", key: key(2, ""), target: 0.99, tiers: slo.StandardTiers(slo.Window{Rolling: 7 * 24 * time.Hour}), expects: true},
		{name: "never-used", key: key(3, ""), target: 0.99, tiers: slo.StandardTiers(thirtyDays)},
		{name: "by-plan/" + hostile, key: key(4, hostile), target: 0.99, tiers: slo.StandardTiers(thirtyDays)},
	}
	byName := map[string]*recount{}
	for _, r := range all {
		r.world = w
		if r.excluded == nil {
			r.excluded = func(int64) bool { return false }
		}
		byName[r.name] = r
	}
	return byName
}

// within returns the minutes at which the zone's clocks show a month.
func within(month string, location *time.Location) (minutes []int64) {
	begin, _ := time.Parse("2006-01", month)
	for m := begin.Unix()/60 - 1440; m < begin.Unix()/60+33*1440; m++ {
		if time.Unix(m*60, 0).In(location).Format("2006-01") == month {
			minutes = append(minutes, m)
		}
	}
	return minutes
}

func (r *recount) sum(minutes []int64) (events, bad uint64) {
	for _, m := range minutes {
		if !r.excluded(m) {
			events += r.told[r.key][m].Events
			bad += r.told[r.key][m].Bad
		}
	}
	return events, bad
}

// measured tells whether there was an event not long before or after a minute:
// of anything, and of the objective if it expects traffic.
func (r *recount) measured(m int64) bool {
	if m < (r.since.Unix()+59)/60 {
		return false
	}
	run := func(there func(int64) bool) bool {
		if there(m) {
			return false
		}
		n := int64(1)
		for i := m - 1; !there(i) && n <= r.silence; i-- {
			n++
		}
		for i := m + 1; !there(i) && n <= r.silence; i++ {
			n++
		}
		return n >= r.silence
	}
	if run(func(m int64) bool { return r.alive[m] }) {
		return false
	}
	return !r.expects || !run(func(m int64) bool { return r.told[r.key][m].Events > 0 })
}

// A stretch is a day or an hour with its events.
type stretch struct {
	name        string
	events, bad uint64
}

// worst returns the five names of minutes with most bad events.
func (r *recount) worst(minutes []int64, name func(time.Time) string) []stretch {
	var all []stretch
	for _, m := range minutes {
		n := name(time.Unix(m*60, 0))
		if len(all) == 0 || all[len(all)-1].name != n {
			all = append(all, stretch{name: n})
		}
		events, bad := r.sum([]int64{m})
		all[len(all)-1].events += events
		all[len(all)-1].bad += bad
	}
	all = slices.DeleteFunc(all, func(s stretch) bool { return s.bad == 0 })
	slices.SortStableFunc(all, func(a, b stretch) int { return cmp.Compare(b.bad, a.bad) })
	return all[:min(5, len(all))]
}

// burns returns, for each minute, which tiers are exceeded at the end of it.
func (r *recount) burns(minutes []int64) []string {
	const lead = 3*1440 + 1
	first := minutes[0] - lead
	events, bad := make([]uint64, lead+len(minutes)), make([]uint64, lead+len(minutes))
	for i := range events {
		events[i], bad[i] = r.sum([]int64{first + int64(i)})
	}
	burns := make([]string, len(minutes))
	for i := range minutes {
		for n, t := range r.tiers {
			exceeded := true
			for _, window := range []time.Duration{t.Short, t.Long} {
				var e, b uint64
				for m := lead + i - int(window/time.Minute); m <= lead+i; m++ {
					e += events[m]
					b += bad[m]
				}
				exceeded = exceeded && e > 0 && float64(b)/float64(e)/(1-r.target) > t.BurnRate.Float()
				if window == t.Long {
					exceeded = exceeded && e >= 10 && b >= 3
				}
			}
			if exceeded {
				burns[i] += strconv.Itoa(n)
			}
		}
	}
	return burns
}

func spanOf(from, to time.Time) (minutes []int64) {
	for m := from.Unix() / 60; m < to.Unix()/60; m++ {
		minutes = append(minutes, m)
	}
	return minutes
}

// incidents returns when tiers are exceeded, and how many minutes each of them is.
func (r *recount) incidents(minutes []int64) (lines []string) {
	burns := append(r.burns(minutes), "")
	begin := -1
	counts := map[rune]int{}
	for i, b := range burns {
		if b == "" {
			if begin >= 0 {
				line := fmt.Sprint(minutes[begin], minutes[0]+int64(i))
				for n, tier := range r.tiers {
					if c := counts['0'+rune(n)]; c > 0 {
						line += fmt.Sprintf(" %s:%d", slo.FormatWindow(tier.Long), c)
					}
				}
				lines = append(lines, line)
			}
			begin, counts = -1, map[rune]int{}
			continue
		}
		if begin < 0 {
			begin = i
		}
		for _, tier := range b {
			counts[tier]++
		}
	}
	return lines
}
