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

// A reader is what a page is read with, and the page.
type reader struct {
	decoder *jaeger.Decoder
	answer  jaeger.Answer
	body    []byte
	query   []byte
	page    source.Page
	// What a lean page needs besides.
	leanDecoder *jaeger.Decoder
	leanAnswer  jaeger.Answer
	leanBody    []byte
	merged      []source.Span
	// What a counted page needs besides.
	tally     counted
	countBody []byte
	examples  []source.Span
	// And examples of nested spans.
	exampleDecoder *jaeger.Decoder
	exampleAnswer  jaeger.Answer
	exampleBody    []byte
}

// keepBody is up to which size the memory of an answer is kept for the next one.
const keepBody = 2 * pageBytes

func (s *Source) reader() *reader { return s.pool.Get().(*reader) }

func (s *Source) putReader(w *reader) {
	for _, body := range []*[]byte{&w.body, &w.leanBody, &w.countBody, &w.exampleBody} {
		if cap(*body) > keepBody {
			*body = nil
		}
	}
	s.pool.Put(w)
}

// A walk is the reading of a range, page by page.
type walk struct {
	source.Range
	plain       *plain
	form        *form
	primaryOnly bool
	// after is up to where it was read.
	after int64
	// sparse is how many numbers there are to a document, at least, and most
	// what can be asked for at a time.
	sparse int64
	most   int
}

func (s *Source) walk(r source.Range) *walk {
	return &walk{
		Range: r, plain: s.plainOf(r.UUID), form: s.forms.of(r.UUID), primaryOnly: s.catalogue.byUUID[r.UUID].primaryOnly,
		after: r.After, sparse: 1, most: maxPage,
	}
}

// Read implements source.Source. While a page is handed over, the next one is
// under way.
func (s *Source) Read(ctx context.Context, r source.Range, page func(*source.Page) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.After >= r.Upto {
		return page(&source.Page{Last: r.Upto})
	}
	s.quiet.reading(r.Index)
	if err := s.show(ctx, r); err != nil {
		return err
	}
	k := s.walk(r)
	here, ahead := s.reader(), s.reader()
	defer func() { s.putReader(here); s.putReader(ahead) }()
	handed := 0
	err := s.next(ctx, k, here)
	for err == nil {
		last, fetched := here.page.Last, make(chan error, 1)
		handed += len(here.page.Spans) + len(here.page.Groups)
		early := last < r.Upto && (r.Want == 0 || handed < r.Want)
		if early {
			go func() { fetched <- s.next(ctx, k, ahead) }()
		}
		handErr := page(&here.page)
		if early {
			err = <-fetched
		}
		if handErr != nil || last == r.Upto {
			return handErr
		}
		if !early {
			err = s.next(ctx, k, ahead)
		}
		here, ahead = ahead, here
	}
	return err
}

// next reads the page behind the last one.
func (s *Source) next(ctx context.Context, k *walk, w *reader) error {
	before := k.after
	if err := s.askLists(ctx, k, w); err != nil {
		return err
	}
	if k.form.found.Load() && s.options.Config.Read == Aggregations {
		if ok, err := s.countedPage(ctx, k, w); ok || err != nil {
			return err
		}
	}
	if k.form.found.Load() && k.form.isLean(k.Upto-k.after) {
		if ok, err := s.leanPage(ctx, k, w); ok || err != nil {
			return err
		}
	}
	for k.after == before {
		if err := s.wholePage(ctx, k, w); err != nil {
			return err
		}
	}
	k.form.readWhole()
	return nil
}

// wholePage reads the documents behind k.after, and moves it, unless less has
// to be asked for.
func (s *Source) wholePage(ctx context.Context, k *walk, w *reader) error {
	size := int(min(int64(min(s.sizes.now(), k.most)), k.Upto-k.after))
	q := query{Range: k.Range, primaryOnly: k.primaryOnly, size: size}
	q.After = k.after
	// A window of numbers no wider than the page spares the cluster from
	// sorting all that follows; where few of the numbers are left, or
	// wanted, it widens.
	if window := int64(size) * k.sparse; window < k.Upto-k.after {
		q.Upto = k.after + window
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
		if w.page.Last <= k.after {
			k.most = size / 2
			return nil
		}
	}
	k.most = min(maxPage, 2*k.most)
	k.learn(w.answer.Hits, size)
	k.after = w.page.Last
	s.watch.ObserveDocuments(formWhole, w.answer.Hits)
	return nil
}

// learn takes in how many documents a window had that was made for so many.
func (k *walk) learn(hits, size int) {
	switch {
	case hits == size:
		k.sparse = 1
	case 2*hits <= size && k.sparse < 1<<20:
		k.sparse *= 2
	}
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
	// only, if not nil, is the query that holds for the documents that are asked for.
	only []byte
	// sort, if not nil, are the sort values that are asked for instead of documents, as JSON.
	sort []byte
}

// longest is a duration so great that few spans last longer. A span that ended
// after a time either began at most so long before it, or lasted at least so long.
const longest = time.Hour

// endedSince holds for all spans that ended since then, and for some that ended before.
func endedSince(t time.Time) object {
	return either(list{
		object{"range": object{"startTimeMillis": object{"gte": t.Add(-longest).UnixMilli()}}},
		object{"range": object{"duration": object{"gte": longest.Microseconds()}}},
		// Of a document without the field nobody knows.
		both(nil, list{exists("startTimeMillis")}),
	})
}

// appendBody appends the body of the search.
func (q query) appendBody(b []byte) []byte {
	b = append(b, `{"size":`...)
	b = strconv.AppendInt(b, int64(q.size), 10)
	if q.sourceless || q.sort != nil {
		b = append(b, `,"_source":false`...)
	}
	if q.sort != nil {
		b = append(b, `,"stored_fields":"_none_","sort":`...)
		b = append(b, q.sort...)
	} else {
		b = append(b, `,"sort":[{"_seq_no":"asc"}]`...)
	}
	b = append(b, `,"track_total_hits":false,"query":{"bool":{"filter":[{"range":{"_seq_no":{"gt":`...)
	b = strconv.AppendInt(b, q.After, 10)
	b = append(b, `,"lte":`...)
	b = strconv.AppendInt(b, q.Upto, 10)
	b = append(b, `}}}`...)
	if !q.EndedSince.IsZero() {
		b = append(b, ',')
		b = append(b, encode(endedSince(q.EndedSince))...)
	}
	if q.only != nil {
		b = append(b, ',')
		b = append(b, q.only...)
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
	if err := s.ask(ctx, opSearch, w, q, &w.body, &w.answer, w.decoder.Answer); err != nil {
		return err
	}
	a := &w.answer
	if !q.sourceless {
		s.sizes.learn(a.Hits, len(w.body), maxPage)
	}
	for i := range a.Spans {
		// Nobody asked, and not all ways of reading tell.
		a.Spans[i].Root = a.Spans[i].Root && s.options.Roots
	}
	w.page = source.Page{Spans: a.Spans, Unreadable: a.Unreadable, Last: q.Upto}
	if a.Hits == q.size {
		w.page.Last = a.LastSeq
	}
	return nil
}

// ask searches until there is an answer that can be trusted, which decode puts
// into a; its spans lie in body.
func (s *Source) ask(ctx context.Context, o operation, w *reader, q query, body *[]byte, a *jaeger.Answer, decode func([]byte, *jaeger.Answer) error) error {
	w.query = q.appendBody(w.query[:0])
	c := call{o, fmt.Sprintf("%q[%d]", q.Index, q.Shard), func() esapi.Request { return q.request(w.query) }}
	return retry(ctx, func() error {
		turn, err := s.gate.enter(ctx)
		if err != nil {
			return err
		}
		answer, err := s.link.ask(ctx, c, *body)
		s.gate.leave(turn, o, len(answer), err)
		if err != nil {
			return err
		}
		*body = answer
		if err := decode(answer, a); err != nil {
			if text := bytes.TrimSpace(answer); bytes.HasPrefix(text, []byte("{")) && bytes.HasSuffix(text, []byte("}")) && bytes.Contains(text, []byte(`"_shards"`)) {
				// A whole answer with a document that is no strict JSON, as one with a
				// comment, which the cluster takes and gives back: it is to be found
				// and read past, or it would stop its shard for ever.
				return &source.Error{Kind: source.Protocol, Err: &marked{fmt.Errorf("%s: %w", c.name(), err), errSmaller}}
			}
			return s.link.protocolError(c, err.Error())
		}
		return s.distrust(c, q, a)
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
	// trip costs little, small enough for two of each reader in memory at once.
	pageBytes = 4 << 20
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

// learn takes in that an answer had so many documents and bytes; most can be asked for.
func (p *pageSize) learn(hits, bytes, most int) {
	if hits == 0 {
		return
	}
	fit := min(most, max(1, hits*pageBytes/max(1, bytes)))
	size := p.now()
	p.set(min(fit, size+size/8+1))
}
