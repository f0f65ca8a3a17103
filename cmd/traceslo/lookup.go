package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
)

const (
	// lookBack is of which time `check --live` looks objectives up.
	lookBack = 24 * time.Hour
	// lookUpMost is how many spans it reads for that, at most: as many as take a minute or two.
	lookUpMost = 3_000_000
)

// A lookup judges the spans of the last day by the objectives of a
// configuration, in memory.
type lookup struct {
	cfg      *loaded
	recorder *sli.Recorder
	since    time.Time
	pending  int
	spans    uint64
	// part holds if there was more than lookUpMost to read, of whatever age.
	part bool
	// closed and unready are how many indices and shards could not be read.
	closed, unready int
	matched         matched
	// services are those that were seen, with their spans.
	services map[string]uint64
}

// lookUp reads what ended since lookBack before now, each span once.
func lookUp(ctx context.Context, cfg *loaded, from source.Source, now time.Time) (*lookup, error) {
	counting := cfg.counting()
	// Services that no objective names are worth knowing if one matches nothing.
	counting.Measures = append(counting.Measures, sli.Measure{Indicator: sli.Indicator{Availability: &sli.Availability{}}, ForEach: "service"})
	l := &lookup{cfg: cfg, recorder: sli.New(counting, 1, zerolog.Nop()), since: now.Add(-lookBack),
		matched: newMatched(cfg.objectives), services: map[string]uint64{}}
	survey, err := from.Survey(ctx)
	if err != nil {
		return nil, err
	}
	ranges := l.plan(survey)
	for _, r := range ranges {
		if err := from.Read(ctx, r, l.count); err != nil {
			return nil, err
		}
	}
	return l, l.commit()
}

// plan returns what to read: the newest indices, and of these what came last, up
// to the limit.
func (l *lookup) plan(survey source.Survey) []source.Range {
	var ranges []source.Range
	left := int64(lookUpMost)
	for _, index := range slices.Backward(survey.Indices) {
		if index.Unfollowed == "" && index.Closed {
			l.closed++
		}
		if index.Unfollowed != "" || len(index.Shards) == 0 {
			continue
		}
		// Of each shard the newest part: spans are numbered as they came.
		most := left / int64(len(index.Shards))
		for _, shard := range index.Shards {
			if !shard.Ready {
				l.unready++
			}
			if !shard.Ready || shard.Upto < 0 {
				continue
			}
			r := source.Range{Index: index.Name, UUID: index.UUID, Shard: shard.Number, After: max(-1, shard.Upto-most), Upto: shard.Upto,
				Surveyed: survey.Taken, EndedSince: l.since}
			l.part = l.part || r.After >= 0
			if r.After < r.Upto {
				left -= r.Upto - r.After
				ranges = append(ranges, r)
			}
		}
	}
	return ranges
}

func (l *lookup) count(page *source.Page) error {
	spans := slices.DeleteFunc(page.Spans, func(s source.Span) bool { return s.End() < l.since.UnixMicro() })
	l.recorder.Count(0, spans)
	l.spans += uint64(len(spans))
	if l.pending += len(spans); l.pending < mergeAfter {
		return nil
	}
	return l.commit()
}

// commit adds up what was judged and forgets the rest.
func (l *lookup) commit() error {
	l.pending = 0
	return commit(l.recorder, func(n sli.MinuteCount) {
		if n.Measure == len(l.cfg.objectives) {
			l.services[n.Value] += n.Events
			return
		}
		l.matched.add(n)
	})
}

// findings says, for each objective, what it would have had.
func (l *lookup) findings() []finding {
	scope := fmt.Sprintf("%s that ended in the last %s", plural(int(l.spans), "span"), config.FormatDuration(lookBack))
	if l.part {
		scope += ", among those that came last; there are more"
	}
	if l.closed > 0 {
		scope += fmt.Sprintf("; closed indices, which are left out: %d", l.closed)
	}
	if l.unready > 0 {
		scope += fmt.Sprintf("; shards that do not answer, which are left out: %d", l.unready)
	}
	found := []finding{{"ok", "the objectives are looked up in " + scope}}
	for i, o := range l.cfg.objectives {
		values := l.matched.counts[i]
		if len(values) == 0 || o.ForEach == "" && values[""].Events == 0 {
			found = append(found, finding{"warning", fmt.Sprintf("slo %q matches none of them; correct its match, or wait for its traffic. There are spans of %s", o.Name, l.seen())})
			continue
		}
		names := slices.SortedFunc(maps.Keys(values), func(a, b string) int {
			return cmp.Or(-cmp.Compare(values[a].Events, values[b].Events), strings.Compare(a, b))
		})
		for n, name := range names {
			if n == maxShown {
				found = append(found, finding{"ok", fmt.Sprintf("slo %q: and %d more", o.Name, len(names)-maxShown)})
				break
			}
			found = append(found, l.tell(o, name, values[name]))
		}
	}
	return found
}

// maxShown is of how many values of an objective for each value is told.
const maxShown = 10

// A finding is a line of `check --live`: a level and a text.
type finding struct{ level, text string }

func (l *lookup) tell(o slo.Objective, value string, r slo.Count) finding {
	what := fmt.Sprintf("slo %q", o.Name)
	if o.ForEach != "" {
		what += fmt.Sprintf(" for %s %q", o.ForEach, value)
	}
	text := fmt.Sprintf("%s: %s, %d bad: %s good, %s wanted", what, plural(int(r.Events), "event"), r.Bad, r.Good(), o.Target)
	if !r.Meets(o.Target) {
		return finding{"warning", text + "; with as many bad events its budget would be spent " + r.Spent(o.Target) + " times"}
	}
	return finding{"ok", text}
}

// seen names the services with most spans.
func (l *lookup) seen() string {
	if len(l.services) == 0 {
		return "no service"
	}
	names := slices.SortedFunc(maps.Keys(l.services), func(a, b string) int {
		return cmp.Or(-cmp.Compare(l.services[a], l.services[b]), strings.Compare(a, b))
	})
	more := ""
	if len(names) > maxShown {
		more = fmt.Sprintf(" and %d more", len(names)-maxShown)
		names = names[:maxShown]
	}
	for i, name := range names {
		names[i] = fmt.Sprintf("%q", name)
	}
	return strings.Join(names, ", ") + more
}
