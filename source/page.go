package source

import (
	"slices"
	"time"
)

// taken is how many spans of a page count, and how many ended too early for that.
type taken struct{ spans, before int64 }

// since drops from the page, in place, what ended before a time; zero drops nothing.
func (p *Page) since(since time.Time) (t taken) {
	if !since.IsZero() {
		early := func(s *Span) bool { return s.End() < since.UnixMicro() }
		all := len(p.Spans)
		p.Spans = slices.DeleteFunc(p.Spans, func(s Span) bool { return early(&s) })
		t.before = int64(all - len(p.Spans))
		p.Groups = slices.DeleteFunc(p.Groups, func(g Group) bool {
			if !early(&g.Span) {
				return false
			}
			t.before += int64(g.Count)
			return true
		})
		p.Examples = slices.DeleteFunc(p.Examples, func(s Span) bool { return early(&s) })
	}
	t.spans = int64(len(p.Spans))
	for i := range p.Groups {
		t.spans += int64(p.Groups[i].Count)
	}
	return t
}

// lateness counts the spans of the page by how late they are at a time in Unix
// microseconds. The spans of a group are as late as the one that stands for them.
func (p *Page) lateness(now int64) (late latenessCount) {
	for i := range p.Spans {
		late.observe(now, p.Spans[i].End(), 1)
	}
	for i := range p.Groups {
		late.observe(now, p.Groups[i].Span.End(), p.Groups[i].Count)
	}
	return late
}
