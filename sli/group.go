package sli

import "github.com/traceslo/traceslo/source"

// CountGroups counts groups of spans that a source counted, by the code that
// judges one span: Count of their spans would count the same. Duplicates among
// them are not found. Of examples it keeps what spans show, as exemplars and
// bad events, where something of their labels was counted. It is called as
// Count is.
func (r *Recorder) CountGroups(worker int, groups []source.Group, examples []source.Span) {
	t, g := r.tallies[worker], r.registry
	g.mu.RLock()
	for i := range groups {
		of := &groups[i]
		if p := (placed{span: &of.Span, set: g.known(&of.Span), group: of}); p.set != nil && !of.Span.Failed {
			t.put(p, r.horizon)
		} else {
			r.seek(t, p)
		}
	}
	g.mu.RUnlock()
	r.admitStrange(t)
	t.flush(r.horizon)

	g.mu.RLock()
	defer g.mu.RUnlock()
	for i := range examples {
		r.show(t, &examples[i])
	}
	t.flush(r.horizon)
}

// show keeps what a span shows that is counted elsewhere.
func (r *Recorder) show(t *tally, s *source.Span) {
	end := s.End()
	if end < 0 || end > r.horizon {
		return
	}
	p := placed{span: s, set: r.registry.known(s)}
	if p.set == nil || s.Failed {
		var known bool
		if p, known = r.place(t, p, false); !known {
			return
		}
	}
	if int(p.set.slot) >= len(t.at) || t.at[p.set.slot] == 0 {
		return
	}
	t.show(&t.cells[t.at[p.set.slot]-1], s, t.scale.fine(uint64(max(s.Duration, 0))), end)
	for _, e := range p.judged() {
		if e.judge.takes(s) && !e.judge.good(s) {
			t.tell(e, &p, end)
		}
	}
}

// Fine returns the bounds of the buckets by which spans are counted: each is
// the greatest whole number of microseconds in its bucket, ascending, and the
// last bucket, which has none, holds all that is above. Spans of one bucket are
// in the same bucket of the classic and of the native histogram, and on the same
// side of every threshold of Measures.
func (c Config) Fine() []uint64 {
	upper := newScale(c.Scale()).upper
	return upper[:len(upper)-1]
}
