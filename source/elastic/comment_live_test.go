package elastic_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// TestLiveDocumentThatIsNoStrictJSONStopsNothing stores a document with a
// comment in it, which the servers take and give back as it is: it is read
// past, and every span before and after it is read.
func TestLiveDocumentThatIsNoStrictJSONStopsNothing(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		prefix := c.Prefix(t)
		index := prefix + "-jaeger-span-2026-01-02"
		c.Do(t, "PUT", "/"+index, `{"settings":{"number_of_shards":1,"number_of_replicas":0},`+mapping+`}`)
		store(t, c, index, 0, 40)
		document := jaeger.AppendDocument(nil, &jaeger.Document{TraceID: source.TraceID{15: 2}, SpanID: 1, Operation: "op", Service: "shop", Start: time.Now().UnixMicro(), Duration: 1}, jaeger.Elevated)
		commented := fmt.Sprintf("{/* a comment */%s", document[1:])
		if answer, err := c.Try(t, "POST", "/"+index+"/_doc", commented); err != nil {
			t.Skipf("this server takes no comment in a document: %v %s", err, answer)
		}
		store(t, c, index, 40, 80)

		s := open(t, c, prefix, nil)
		v := survey(t, s)
		shard := v.Indices[0].Shards[0]
		spans, unreadable := 0, map[string]int{}
		err := s.Read(t.Context(), source.Range{Index: index, UUID: v.Indices[0].UUID, After: -1, Upto: shard.Upto, Surveyed: v.Taken}, func(p *source.Page) error {
			spans += len(p.Spans)
			for _, u := range p.Unreadable {
				unreadable[u.Reason]++
			}
			return nil
		})
		if err != nil || spans != 80 || unreadable[jaeger.ReasonSource]+unreadable[jaeger.ReasonJSON] != 1 {
			t.Errorf("read %d spans, unreadable %v, error %v; want 80 and one unreadable", spans, unreadable, err)
		}
	})
}
