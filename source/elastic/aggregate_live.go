package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// tried is of how many of the last numbers of a shard it is told whether they can be counted.
const tried = 10_000

// liveCounting tells how many of the newest spans of a shard the cluster can
// count, and why it cannot count others.
func (s *Source) liveCounting(ctx context.Context, r *Report, w *reader, shard source.Range) {
	shard.After = max(-1, shard.Upto-tried)
	k := &walk{Range: shard, plain: s.plainOf(shard.UUID), form: &form{}, primaryOnly: s.catalogue.byUUID[shard.UUID].primaryOnly}
	if err := s.askLists(ctx, k, w); err != nil {
		r.fail(err)
		return
	}
	p := plan{width: firstWidth}
	if err := s.look(ctx, k, w, shard, &p); err != nil {
		r.fail(err)
		return
	}
	page := w.page
	err := s.count(ctx, k, w, shard, &p)
	w.page = page
	if err != nil {
		r.add(Doubtful, err.Error(), "what cannot be counted is read as documents; see whether the cluster allows aggregations")
		return
	}
	whys := object{}
	for i, tag := range s.options.Tags {
		whys[nameTag+strconv.Itoa(i)] = object{"filter": either(list{inList("tags", term("tags.key", tag)), inList("process.tags", term("process.tags.key", tag))})}
	}
	inField := both(list{surelyFailed(s.fieldOf)}, list{json.RawMessage(k.failed())})
	whys["failed"] = object{"filter": either(list{inField, inList("tags", failedAsListed())})}
	whys["typeless"] = object{"filter": both(list{inField, inList("tags", term("tags.key", jaeger.ErrorTags()[0]))}, nil)}
	if s.options.Roots {
		whys["roots"] = object{"filter": but(inList("references", object{"match_all": object{}}), child())}
	}
	w.query = s.appendSearch(w.query[:0], k, shard, object{"size": 0, "track_total_hits": true, "query": both(list{numbers(shard)}, nil), "aggs": whys})
	var a struct {
		Hits       struct{ Total struct{ Value uint64 } }
		Aggregates map[string]struct {
			Count uint64 `json:"doc_count"`
		} `json:"aggregations"`
	}
	if err := s.askSingly(ctx, w, shard, &a); err != nil {
		r.fail(err)
		return
	}
	level, cure := Fine, ""
	if w.tally.spans*2 < a.Hits.Total.Value {
		level, cure = Doubtful, "the others are read as documents, which costs as much as read: documents"
	}
	r.add(level, fmt.Sprintf("of the newest %d spans of %q the cluster can count %d", a.Hits.Total.Value, shard.Index, w.tally.spans), cure)
	for i, tag := range s.options.Tags {
		if n := a.Aggregates[nameTag+strconv.Itoa(i)].Count; n > 0 {
			r.add(Doubtful, fmt.Sprintf("%d of them have the tag %q in a list, where it cannot be counted, and are read as documents", n, clip(tag, 100)), "elevate it with Jaeger's tags_as_fields")
		}
	}
	if n := a.Aggregates["failed"].Count; n > 0 {
		cure := ""
		if listed := a.Aggregates["typeless"].Count; listed > 0 {
			cure = fmt.Sprintf("%d have %s in a list: elevated with Jaeger's tags_as_fields, they cost the cluster about half as much", listed, jaeger.ErrorTags()[0])
		}
		r.add(Fine, fmt.Sprintf("%d of them failed, and are read as documents: not all that counting them needs is in fields", n), cure)
	}
	if n := a.Aggregates["roots"].Count; n > 0 {
		r.add(Doubtful, fmt.Sprintf("%d of them tell their parent in a list alone, as before Jaeger 2.20, which root_only has read as documents", n), "update Jaeger, or leave root_only out")
	}
}
