package footanalytics

import "github.com/traceslo/traceslo/source"

// A walker makes the spans of a range of slots, in the order in which they
// end, to the second; within a slot they come in the order of their traces'
// begin. It is for one goroutine and reuses its memory.
type walker struct {
	source *Source
	// pending holds the spans that are made and have not been yielded, by the
	// slot in which they end, modulo its length.
	pending [][]record
	page    page

	// What run needs of the trace that it makes.
	random stream
	trace  uint64
	under  under
}

// walker returns a walker for the caller alone, who gives it back to release.
func (s *Source) walker() *walker {
	select {
	case w := <-s.idle:
		return w
	default:
		return &walker{source: s, pending: make([][]record, s.horizon+1)}
	}
}

func (s *Source) release(w *walker) {
	select {
	case s.idle <- w:
	default:
	}
}

// keep puts a span where its slot is yielded.
func (w *walker) keep(r *record) {
	at := &w.pending[slotOf(r.start+r.duration)%int64(len(w.pending))]
	*at = append(*at, *r)
}

// walk yields each slot of [from, upto] with the spans that ended in it, which
// are valid until yield returns. The first error of yield ends it.
func (w *walker) walk(from, upto int64, yield func(slot int64, ended []record) error) error {
	if from > upto {
		return nil
	}
	for i := range w.pending {
		w.pending[i] = w.pending[i][:0]
	}
	for slot := max(0, from-w.source.horizon); slot <= upto; slot++ {
		w.begin(slot)
		ended := &w.pending[slot%int64(len(w.pending))]
		if slot >= from {
			if err := yield(slot, *ended); err != nil {
				return err
			}
		}
		*ended = (*ended)[:0]
	}
	return nil
}

// page is a source.Page and the memory that its spans' tags lie in.
type page struct {
	source.Page
	tags []string
}

func (p *page) reset() {
	p.Spans, p.tags = p.Spans[:0], p.tags[:0]
}

// add appends r in the form that is counted.
func (p *page) add(r *record) {
	if len(p.Spans) < cap(p.Spans) {
		p.Spans = p.Spans[:len(p.Spans)+1]
	} else {
		p.Spans = append(p.Spans, source.Span{})
	}
	p.tags = r.span(&p.Spans[len(p.Spans)-1], p.tags)
}
