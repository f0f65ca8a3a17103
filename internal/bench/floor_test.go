package bench_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/bench"
	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source/jaeger"
)

// A floor is a bare request for all spans: less than it no reader can cost the
// cluster that asks for the same.
type floor struct {
	name string
	run  func(t *testing.T, c *testenv.Cluster, prefix string, shards int)
}

func floors() []floor {
	return []floor{
		{"raw aggregation", aggregate},
		{"raw doc values", func(t *testing.T, c *testenv.Cluster, prefix string, shards int) {
			scan(t, c, prefix, shards, `"_source":false,"stored_fields":"_none_","docvalue_fields":["traceID","spanID","parentSpanID","operationName","process.serviceName","startTime","duration","tag.span@kind","tag.error"]`)
		}},
		{"raw _source", func(t *testing.T, c *testenv.Cluster, prefix string, shards int) {
			scan(t, c, prefix, shards, `"_source":["traceID","spanID","references","operationName","startTime","duration","tags","tag","logs","process.serviceName"]`)
		}},
	}
}

// aggregate asks for calls, failures and histograms by service, operation and kind.
func aggregate(t *testing.T, c *testenv.Cluster, prefix string, _ int) {
	t.Helper()
	var ranges []string
	from := int64(0)
	for _, b := range bench.Bounds {
		ranges = append(ranges, fmt.Sprintf(`{"from":%d,"to":%d}`, from, b.Microseconds()+1))
		from = b.Microseconds() + 1
	}
	ranges = append(ranges, fmt.Sprintf(`{"from":%d}`, from))
	after := ""
	for {
		body := fmt.Sprintf(`{"size":0,"track_total_hits":true,"aggs":{"by":{"composite":{"size":10000,"sources":[`+
			`{"service":{"terms":{"field":"process.serviceName"}}},{"operation":{"terms":{"field":"operationName"}}},{"kind":{"terms":{"field":"tag.span@kind","missing_bucket":true}}}]%s},`+
			`"aggs":{"failed":{"filter":{"term":{"tag.error":"true"}}},"sum":{"sum":{"field":"duration"}},"histogram":{"range":{"field":"duration","ranges":[%s]}}}}}}`, after, strings.Join(ranges, ","))
		var answer struct {
			Aggregations struct {
				By struct {
					AfterKey json.RawMessage   `json:"after_key"`
					Buckets  []json.RawMessage `json:"buckets"`
				} `json:"by"`
			} `json:"aggregations"`
		}
		b := c.Do(t, "POST", "/"+jaeger.SpanIndex(prefix)+"*/_search?request_cache=false&filter_path=aggregations", body)
		if err := json.Unmarshal(b, &answer); err != nil {
			t.Fatal(err)
		}
		if len(answer.Aggregations.By.Buckets) < 10000 {
			return
		}
		after = `,"after":` + string(answer.Aggregations.By.AfterKey)
	}
}

// scan pages through all documents of each shard in order of number.
func scan(t *testing.T, c *testenv.Cluster, prefix string, shards int, fields string) {
	t.Helper()
	const page = 5000
	for shard := range shards {
		for after := int64(-1); ; {
			body := fmt.Sprintf(`{"size":%d,"track_total_hits":false,"query":{"range":{"_seq_no":{"gt":%d,"lte":%d}}},"sort":[{"_seq_no":"asc"}],%s}`, page, after, after+page, fields)
			b := c.Do(t, "POST", fmt.Sprintf("/%s*/_search?request_cache=false&preference=_shards:%d", jaeger.SpanIndex(prefix), shard), body)
			// The last number is in the last sort value; to decode all would cost us more than it tells.
			at := strings.LastIndex(string(b), `"sort":[`)
			if at < 0 {
				break
			}
			if _, err := fmt.Sscanf(string(b[at:]), `"sort":[%d]`, &after); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// costs runs something and returns what it cost the cluster, and how long it took.
func costs(t *testing.T, c *testenv.Cluster, run func()) (cpu, took time.Duration) {
	t.Helper()
	before, began := clusterCPU(t, c), time.Now()
	run()
	return clusterCPU(t, c) - before, time.Since(began)
}
