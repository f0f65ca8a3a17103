package elastic

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// A reader is what one Read works with.
type reader struct {
	decoder *jaeger.Decoder
	answer  jaeger.Answer
	body    []byte
	query   []byte
	page    source.Page
}

// keepBody is up to which size the memory of an answer is kept for the next one.
const keepBody = 2 * pageBytes

// Read implements source.Source.
func (s *Source) Read(ctx context.Context, r source.Range, page func(*source.Page) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.After >= r.Upto {
		return page(&source.Page{Last: r.Upto})
	}
	if err := s.show(ctx, r); err != nil {
		return err
	}
	w := s.pool.Get().(*reader)
	defer func() {
		if cap(w.body) > keepBody {
			w.body = nil
		}
		s.pool.Put(w)
	}()
	sparse, most := int64(1), maxPage
	for after := r.After; after < r.Upto; {
		size := int(min(int64(min(s.sizes.now(), most)), r.Upto-after))
		q := query{Range: r, primaryOnly: s.catalogue.byUUID[r.UUID].primaryOnly, size: size}
		q.After = after
		// A window of numbers no wider than the page spares the cluster from
		// sorting all that follows; where few of the numbers are left, or
		// wanted, it widens.
		if window := int64(size) * sparse; window < r.Upto-after {
			q.Upto = after + window
		}
		if err := s.search(ctx, w, q); err != nil {
			if source.KindOf(err) == source.Timeout {
				s.sizes.shrink(size)
			}
			if !errors.Is(err, errSmaller) {
				return err
			}
			if err := s.lessen(ctx, w, q, err); err != nil {
				return err
			}
			if w.page.Last <= after {
				most = size / 2
				continue
			}
		}
		most = min(maxPage, 2*most)
		switch hits := w.answer.Hits; {
		case hits == size:
			sparse = 1
		case 2*hits <= size && sparse < 1<<20:
			sparse *= 2
		}
		after = w.page.Last
		if err := page(&w.page); err != nil {
			return err
		}
	}
	return nil
}

// lessen is called after an answer that said that less has to be asked for. It
// returns nil if there is something smaller to ask for, or if one document,
// too large by itself, was read past: w holds it then as not understood.
func (s *Source) lessen(ctx context.Context, w *reader, q query, cause error) error {
	w.page.Last = q.After
	if q.size > 1 {
		s.sizes.shrink(q.size)
		if source.KindOf(cause) == source.Rejected {
			return pause(ctx, firstWait)
		}
		return nil
	}
	if source.KindOf(cause) == source.Rejected {
		return cause
	}
	q.sourceless = true
	return s.search(ctx, w, q)
}

// A query asks for the spans of a shard whose numbers lie in (After, Upto],
// the first of them up to size.
type query struct {
	source.Range
	size        int
	primaryOnly bool
	// sourceless leaves out what the documents say.
	sourceless bool
}

// longest is a duration so great that few spans last longer. A span that ended
// after a time either began at most so long before it, or lasted at least so long.
const longest = time.Hour

// appendBody appends the body of the search.
func (q query) appendBody(b []byte) []byte {
	b = append(b, `{"size":`...)
	b = strconv.AppendInt(b, int64(q.size), 10)
	if q.sourceless {
		b = append(b, `,"_source":false`...)
	}
	b = append(b, `,"sort":[{"_seq_no":"asc"}],"track_total_hits":false,"query":{"bool":{"filter":[{"range":{"_seq_no":{"gt":`...)
	b = strconv.AppendInt(b, q.After, 10)
	b = append(b, `,"lte":`...)
	b = strconv.AppendInt(b, q.Upto, 10)
	b = append(b, `}}}`...)
	if !q.EndedSince.IsZero() {
		b = append(b, `,{"bool":{"should":[{"range":{"startTimeMillis":{"gte":`...)
		b = strconv.AppendInt(b, q.EndedSince.Add(-longest).UnixMilli(), 10)
		b = append(b, `}}},{"range":{"duration":{"gte":`...)
		b = strconv.AppendInt(b, longest.Microseconds(), 10)
		// Of a document without the field nobody knows.
		b = append(b, `}}},{"bool":{"must_not":{"exists":{"field":"startTimeMillis"}}}}],"minimum_should_match":1}}`...)
	}
	return append(b, `]}}}`...)
}

// request returns the search; body is what appendBody wrote.
func (q query) request(body []byte) esapi.Request {
	preference := "_shards:" + strconv.Itoa(q.Shard)
	if q.primaryOnly {
		preference += "|_primary"
	}
	no := false
	return esapi.SearchRequest{
		Index: []string{q.Index}, Preference: preference, AllowPartialSearchResults: &no, RequestCache: &no, Body: bytes.NewReader(body),
	}
}

// search asks until there is an answer that can be trusted, and puts it into
// w: its spans, and up to which number they are all.
func (s *Source) search(ctx context.Context, w *reader, q query) error {
	w.query = q.appendBody(w.query[:0])
	c := call{opSearch, fmt.Sprintf("%q[%d]", q.Index, q.Shard), func() esapi.Request { return q.request(w.query) }}
	return retry(ctx, func() error {
		body, err := s.link.ask(ctx, c, w.body)
		if err != nil {
			return err
		}
		w.body = body
		if err := w.decoder.Answer(body, &w.answer); err != nil {
			if text := bytes.TrimSpace(body); bytes.HasPrefix(text, []byte("{")) && bytes.HasSuffix(text, []byte("}")) && bytes.Contains(text, []byte(`"_shards"`)) {
				// A whole answer with a document that is no strict JSON, as one with a
				// comment, which the cluster takes and gives back: it is to be found
				// and read past, or it would stop its shard for ever.
				return &source.Error{Kind: source.Protocol, Err: &marked{fmt.Errorf("%s: %w", c.name(), err), errSmaller}}
			}
			return s.link.protocolError(c, err.Error())
		}
		a := &w.answer
		if err := s.distrust(c, q, a); err != nil {
			return err
		}
		if !q.sourceless {
			s.sizes.learn(a.Hits, len(body))
		}
		w.page = source.Page{Spans: a.Spans, Unreadable: a.Unreadable, Last: q.Upto}
		if a.Hits == q.size {
			w.page.Last = a.LastSeq
		}
		return nil
	})
}

// distrust returns what is wrong with an answer of success.
func (s *Source) distrust(c call, q query, a *jaeger.Answer) error {
	partial := ""
	switch {
	case a.TimedOut:
		partial = "timed out before all was looked at"
	case a.Shards.Failed > 0 || a.Shards.Successful < a.Shards.Total:
		partial = fmt.Sprintf("%d of %d shards answered", a.Shards.Successful, a.Shards.Total)
		if a.Failure != "" {
			partial += ": " + clip(s.link.credentials.scrub(a.Failure), maxReason)
		}
	case a.Shards.Total != 1:
		partial = fmt.Sprintf("%d shards were asked instead of one", a.Shards.Total)
	case a.Hits > q.size:
		return s.link.protocolError(c, fmt.Sprintf("%d documents instead of at most %d", a.Hits, q.size))
	case !a.Ascending:
		return s.link.protocolError(c, "the documents are not in the order of their numbers")
	case a.Hits > 0 && (a.LastSeq > q.Upto || a.LastSeq-q.After < int64(a.Hits)):
		return s.link.protocolError(c, fmt.Sprintf("%d documents up to number %d are not in the range (%d, %d]", a.Hits, a.LastSeq, q.After, q.Upto))
	}
	if partial == "" {
		return nil
	}
	return &source.Error{Kind: source.Partial, Err: fmt.Errorf("%s: %s", c.name(), partial)}
}

const (
	// pageBytes is how large an answer should be: large enough that the round
	// trip costs little, small enough for some of them in memory at once.
	pageBytes = 8 << 20
	// maxPage is half of what Elasticsearch allows by default (index.max_result_window).
	maxPage   = 5000
	firstPage = 1000
)

// A pageSize is how many spans to ask for at a time. It grows step by step to
// what makes an answer of pageBytes, and halves when that is too much.
type pageSize struct {
	// less is by how much it is below firstPage, so that the zero value is fit for use.
	less atomic.Int64
}

func (p *pageSize) now() int { return firstPage - int(p.less.Load()) }

func (p *pageSize) set(size int) { p.less.Store(int64(firstPage - max(1, size))) }

// shrink halves the size if that is what turned out too large, and no other
// reader was faster.
func (p *pageSize) shrink(from int) {
	if p.now() == from {
		p.set(from / 2)
	}
}

// learn takes in that an answer had so many documents and bytes.
func (p *pageSize) learn(hits, bytes int) {
	if hits == 0 {
		return
	}
	fit := min(maxPage, max(1, hits*pageBytes/max(1, bytes)))
	size := p.now()
	p.set(min(fit, size+size/8+1))
}
