package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/traceslo/traceslo/source"
)

// errUnproven: the buckets of an answer are not what the documents are.
var errUnproven = errors.New("the buckets do not add up to the documents")

// fieldOf returns the field of an elevated tag.
func (s *Source) fieldOf(place, tag string) string {
	return place + strings.ReplaceAll(tag, ".", s.options.Config.TagDotReplacement)
}

// wanted is what of the answers to many searches is asked for.
var wanted = []string{
	"responses.status", "responses.error.type", "responses.error.reason", "responses.error.root_cause", "responses.error.caused_by",
	"responses.timed_out", "responses._shards.total", "responses._shards.successful", "responses._shards.failed", "responses.hits.total.value", "responses.hits.hits.sort",
	"responses.aggregations.c.buckets.key", "responses.aggregations.c.buckets.doc_count", "responses.aggregations.c.buckets.d.value",
	"responses.aggregations.c.buckets.f.buckets.doc_count", "responses.aggregations.c.buckets.f.buckets.r.doc_count",
	"responses.aggregations.m.buckets.key", "responses.aggregations.*.doc_count",
}

// askMany makes the searches of w.query and has read read the answer, until
// there is one that can be trusted.
func (s *Source) askMany(ctx context.Context, w *reader, window source.Range, read func(c call, body []byte) error) error {
	one := 1
	c := call{opCount, fmt.Sprintf("%q[%d]", window.Index, window.Shard), func() esapi.Request {
		return esapi.MsearchRequest{Index: []string{window.Index}, Body: bytes.NewReader(w.query), MaxConcurrentSearches: &one, FilterPath: wanted}
	}}
	return retry(ctx, func() error {
		turn, err := s.gate.enter(ctx)
		if err != nil {
			return err
		}
		body, err := s.link.ask(ctx, c, w.countBody)
		s.gate.leave(turn, opCount, len(body), err)
		if err != nil {
			return err
		}
		w.countBody = body
		return read(c, body)
	})
}

// askSingly makes the one search of w.query and reads what answers it into into.
func (s *Source) askSingly(ctx context.Context, w *reader, window source.Range, into any) error {
	return s.askMany(ctx, w, window, func(c call, body []byte) error {
		var answer struct{ Responses []json.RawMessage }
		var outcome struct{ Status int }
		if json.Unmarshal(body, &answer) != nil || len(answer.Responses) != 1 || json.Unmarshal(answer.Responses[0], &outcome) != nil {
			return s.link.protocolError(c, "the answer is not in the form of Elasticsearch's")
		}
		if outcome.Status != http.StatusOK {
			return s.link.refusal(c, outcome.Status, http.Header{}, answer.Responses[0])
		}
		if json.Unmarshal(answer.Responses[0], into) != nil {
			return s.link.protocolError(c, "the answer is not in the form of Elasticsearch's")
		}
		return nil
	})
}

// trust returns what is wrong with one of several answers.
func (s *Source) trust(c call, a *part) error {
	switch {
	case a.status != http.StatusOK:
		return s.link.refusal(c, int(a.status), http.Header{}, a.whole)
	case a.timedOut:
		return &source.Error{Kind: source.Partial, Err: fmt.Errorf("%s: timed out before all was looked at", c.name())}
	case a.failed > 0 || a.successful < a.shards:
		return &source.Error{Kind: source.Partial, Err: fmt.Errorf("%s: %d of %d shards answered", c.name(), a.successful, a.shards)}
	case a.shards != 1:
		return &source.Error{Kind: source.Partial, Err: fmt.Errorf("%s: %d shards were asked instead of one", c.name(), a.shards)}
	}
	return nil
}

// count has the eligible spans of a window counted, and puts them into
// w.tally, and rows of it into w.leanAnswer. If there are more buckets than can
// be had at once, it asks for fewer durations at a time.
func (s *Source) count(ctx context.Context, k *walk, w *reader, window source.Range, p *plan) error {
	for {
		bands := p.bands(s.bounds)
		w.query = w.query[:0]
		for _, b := range bands {
			w.query = s.appendBand(w.query, k, window, *p, b)
		}
		w.query = s.appendTotal(w.query, k, window)
		q := s.rows(k, window, *p)
		w.query = append(q.appendBody(append(w.query, s.head(k, window)...)), '\n')
		err := s.askMany(ctx, w, window, func(c call, body []byte) error {
			w.tally.reset(s, window, p.minutes, bands)
			err := w.tally.read(body, func(a *part) error { return s.trust(c, a) }, func(a *part) error {
				if err := w.leanDecoder.LeanFailed(a.whole, s.options.Roots, &w.leanAnswer); err != nil {
					return s.link.protocolError(c, err.Error())
				}
				return s.distrust(c, q, &w.leanAnswer)
			})
			if errors.Is(err, errAnswer) {
				return s.link.protocolError(c, err.Error())
			}
			return err
		})
		if !errors.Is(err, errSmaller) || p.width <= leastWidth {
			return err
		}
		p.width = max(leastWidth, p.width/2)
	}
}

// look finds out in which minutes most spans of a window began, and in which
// layout they are.
func (s *Source) look(ctx context.Context, k *walk, w *reader, window source.Range, p *plan) error {
	w.query = s.appendLook(w.query[:0], k, window)
	var a struct {
		Hits       struct{ Total struct{ Value int64 } }
		Aggregates struct {
			M struct{ Buckets []struct{ Key float64 } }
			N struct {
				Count int64 `json:"doc_count"`
			}
		} `json:"aggregations"`
	}
	if err := s.askSingly(ctx, w, window, &a); err != nil {
		return err
	}
	p.minutes = nil
	for _, b := range a.Aggregates.M.Buckets {
		if minute := int64(b.Key) / minuteMicros; minute >= 0 && minute < maxMinute && len(p.minutes) < mostMinutes {
			p.minutes = append(p.minutes, minute)
		}
	}
	slices.Sort(p.minutes)
	p.nested = a.Aggregates.N.Count*nestedShare > a.Hits.Total.Value
	return nil
}

const (
	// maxMinute is up to which minute a time in microseconds is exact in a float64.
	maxMinute = 1 << 53 / minuteMicros
	// nestedShare is the part of the spans that is worth further searches: one in twenty.
	nestedShare = 20
)

const (
	// exampleOf is of how many spans one is read for an example: so few that
	// they cost next to nothing, however small windows are.
	exampleOf = 3000
	// mostExamples and leastExamples bound how many of the newest spans of a
	// window are examples; about half as many are, of those that last longest.
	mostExamples  = 50
	leastExamples = 10
	// mostRows bounds the rows of a window: the examples, and what is read.
	mostRows = 5000
)

// exemplify reads some of the nested spans that were counted, as rows are of
// others: their kind is in no doc value. It puts them into w.examples.
func (s *Source) exemplify(ctx context.Context, k *walk, w *reader, window source.Range, p plan) error {
	only := encode(both(append(p.nestedKinds(k.plain, s.top()), either(p.examples(window))), nil))
	q := query{Range: window, primaryOnly: k.primaryOnly, size: 2 * mostExamples, only: only}
	if err := s.ask(ctx, opSearch, w, q, &w.exampleBody, &w.exampleAnswer, w.exampleDecoder.Answer); err != nil {
		return err
	}
	for _, span := range w.exampleAnswer.Spans {
		span.Root = span.Root && s.options.Roots
		w.examples = append(w.examples, span)
	}
	return nil
}
