package elastic

import (
	"context"
	"errors"
	"slices"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// A lean page is read by two searches over the same numbers: one for the
// documents that are not plain, which come whole, and one for the doc values of
// those that are. It costs the cluster less than half of what the documents
// cost, if most of them are plain.

const (
	// maxLean is a little less than what Elasticsearch allows by default
	// (index.max_result_window): 200 bytes a document are no matter.
	maxLean   = 8000
	firstLean = 4000
	// fewLean is how few may be asked for before the index is read whole instead.
	fewLean = 100
)

// listSort are sort values of what is in lists of a document. A cluster refuses
// them where the mapping lacks the lists, or what is in them: there a query for
// what is in a list finds nothing, and every document would seem plain.
func listSort(paths ...string) []byte {
	sort := list{object{"_seq_no": "asc"}}
	for _, path := range paths {
		for _, name := range []string{".key", ".value"} {
			sort = append(sort, object{path + name: object{"order": "asc", "nested": object{"path": path}}})
		}
	}
	return encode(sort)
}

var (
	tagsSort = listSort("tags", "process.tags")
	logsSort = listSort("logs.fields")
)

// askLists finds out, once for each index, whether queries find what is in the
// lists of its documents. If not, it is read whole.
func (s *Source) askLists(ctx context.Context, k *walk, w *reader) error {
	if k.form.asked.Load() || k.Upto-k.after < leastLean {
		return nil
	}
	found, err := s.askList(ctx, k, w, tagsSort, "is read document by document")
	if err != nil {
		return err
	}
	if found && s.options.Config.Read == Aggregations {
		logs, err := s.askList(ctx, k, w, logsSort, "failed spans are read document by document")
		if err != nil {
			return err
		}
		k.form.logs.Store(logs)
	}
	k.form.found.Store(found)
	k.form.asked.Store(true)
	return nil
}

// askList tells whether the cluster gives these sort values; without them, the index has what follows.
func (s *Source) askList(ctx context.Context, k *walk, w *reader, sort []byte, follows string) (found bool, _ error) {
	q := query{Range: k.Range, primaryOnly: k.primaryOnly, size: 1, sort: sort}
	q.After = k.Upto - 1
	err := s.ask(ctx, opLean, w, q, &w.leanBody, &w.leanAnswer, w.decoder.Answer)
	if errors.Is(err, errRefused) || errors.Is(err, errSmaller) {
		s.log.Info().Err(err).Str("index", k.Index).Str("so", follows).Msg("an index is not mapped as Jaeger maps it")
		return false, nil
	}
	return err == nil, err
}

// leanSort returns the sort values that tell a plain document, behind its number.
func leanSort(columns []jaeger.Column) []byte {
	sort := list{object{"_seq_no": "asc"}}
	for _, c := range columns {
		sort = append(sort, object{c.Field: object{"order": "asc", "unmapped_type": c.Type}})
	}
	return encode(sort)
}

// leanPage reads the page behind k.after and moves it. It returns false if the
// page has to be read whole.
func (s *Source) leanPage(ctx context.Context, k *walk, w *reader) (ok bool, err error) {
	size := s.leanSizes.now()
	q := query{Range: k.Range, primaryOnly: k.primaryOnly}
	q.After = k.after
	if window := int64(size) * k.sparse; window < k.Upto-k.after {
		q.Upto = k.after + window
	}
	others := q
	others.only, others.size = k.plain.other, int(min(int64(s.sizes.now()), q.Upto-q.After))
	if err := s.search(ctx, w, others); err != nil {
		return s.leanFailed(k, size, err)
	}
	// Behind the last of them it is not known which others there are.
	q.Upto = w.page.Last
	q.only, q.sort, q.size = k.plain.query, s.leanSort, int(min(int64(size), q.Upto-q.After))
	decode := func(body []byte, a *jaeger.Answer) error { return w.leanDecoder.Lean(body, s.options.Roots, a) }
	if err := s.ask(ctx, opLean, w, q, &w.leanBody, &w.leanAnswer, decode); err != nil {
		return s.leanFailed(k, size, err)
	}
	a := &w.leanAnswer
	if a.Strange > 0 {
		// What their documents say of these is the truth.
		k.form.strange()
		return false, nil
	}
	s.leanSizes.learn(a.Hits, len(w.leanBody), maxLean)
	if a.Hits == q.size {
		w.page.Last = a.LastSeq
	}
	if w.page.Last < others.Upto {
		k.sparse = 1
	} else {
		k.learn(a.Hits+w.answer.Hits, size)
	}
	w.merge()
	k.form.read(a.Hits, w.answer.Hits)
	k.after = w.page.Last
	s.watch.ObserveDocuments(formLean, len(a.Spans))
	s.watch.ObserveDocuments(formWhole, w.answer.Hits)
	return true, nil
}

// leanFailed tells what an error of a lean page means: an error, or that it
// has to be read whole.
func (s *Source) leanFailed(k *walk, size int, err error) (ok bool, _ error) {
	switch {
	case errors.Is(err, errSmaller):
		if s.leanSizes.shrink(size); size < fewLean {
			k.form.strange()
		}
	case errors.Is(err, errRefused):
		s.leanRefused(k, err)
	case source.KindOf(err) == source.Timeout:
		s.leanSizes.shrink(size)
		return false, err
	default:
		return false, err
	}
	return false, nil
}

// leanRefused has an index be read whole for a while, whose doc values the cluster does not give.
func (s *Source) leanRefused(k *walk, err error) {
	if k.form.refused() {
		s.log.Info().Err(err).Str("index", k.Index).Msg("an index does not tell spans by their doc values, and is read document by document")
	}
}

// merge makes the page of both answers: their spans up to the page's end, in
// the order of their numbers.
func (w *reader) merge() {
	lean, whole := &w.leanAnswer, &w.answer
	count := func(numbers []int64) int {
		n, _ := slices.BinarySearch(numbers, w.page.Last+1)
		return n
	}
	left := lean.Spans[:count(lean.Numbers)]
	right := whole.Spans[:count(whole.Numbers)]
	w.page.Unreadable = whole.Unreadable[:count(whole.UnreadableNumbers)]
	switch {
	case len(right) == 0:
		w.page.Spans = left
		return
	case len(left) == 0:
		w.page.Spans = right
		return
	}
	w.merged = w.merged[:0]
	from := 0
	for i := range right {
		to := from
		for to < len(left) && lean.Numbers[to] < whole.Numbers[i] {
			to++
		}
		w.merged = append(append(w.merged, left[from:to]...), right[i])
		from = to
	}
	w.merged = append(w.merged, left[from:]...)
	w.page.Spans = w.merged
}
