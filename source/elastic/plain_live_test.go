package elastic_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
	"github.com/traceslo/traceslo/source/jaeger"
)

// A stored is a document, and by which query it is to be found: plain, failed,
// rest, or the kind of a nested one. Untyped is failed too, where the index keeps
// note of values that are too long, else rest.
type stored struct{ name, doc, want string }

// written are documents in every layout and with everything that decides how
// they are read, for a reader of shard.id and env.
func written() []stored {
	const head = `"traceID":"5b8efff798038103d269b633813fc60c","spanID":"eee19b7ec3c1b174",`
	const body = head + `"operationName":"GET /dispatch",`
	const times = `"startTime":1767225599900000,"startTimeMillis":1767225599900,"duration":1250`
	const process = `,"process":{"serviceName":"frontend"}`
	const plain, failed, untyped, rest = "plain", "failed", "untyped", "rest"
	const exception = `{"fields":[{"key":"event","value":"exception"},{"key":"exception.type","value":"T"}]}`
	long := strings.Repeat("x", 257)
	all := []stored{
		{"the least", body + times + process, plain},
		{"kind elevated", body + times + process + `,"tag":{"span@kind":"server"}`, plain},
		{"kind elevated and unknown", body + times + process + `,"tag":{"span@kind":"Server"}`, plain},
		{"kind elevated and empty", body + times + process + `,"tag":{"span@kind":""}`, plain},
		{"kind elevated and a number", body + times + process + `,"tag":{"span@kind":1}`, plain},
		{"kind elevated and endless", body + times + process + `,"tag":{"span@kind":"` + long + `"}`, plain},
		{"kind elevated and a list", body + times + process + `,"tag":{"span@kind":["server","client"]}`, plain},
		{"kind twice", body + times + process + `,"tag":{"span@kind":"server"},"tags":[{"key":"span.kind","value":"client"}]`, rest},
		{"kind endless and listed", body + times + process + `,"tag":{"span@kind":"` + long + `"},"tags":[{"key":"span.kind","value":"client"}]`, rest},
		{"two kinds listed", body + times + process + `,"tags":[{"key":"span.kind","value":"server"},{"key":"span.kind","value":"client"}]`, rest},
		{"one kind listed twice", body + times + process + `,"tags":[{"key":"span.kind","value":"client"},{"key":"span.kind","value":"client"}]`, "client"},
		{"a kind and null listed", body + times + process + `,"tags":[{"key":"span.kind","value":"server"},{"key":"span.kind","value":null}]`, rest},
		{"an unknown kind listed", body + times + process + `,"tags":[{"key":"span.kind","value":"SERVER"}]`, rest},
		{"a kind and other tags listed", body + times + process + `,"tags":[{"key":"a","value":"server"},{"key":"span.kind","value":"producer"},{"key":"b","value":"client"}]`, "producer"},
		{"a kind that is another tag's value", body + times + process + `,"tags":[{"key":"a","value":"server"}]`, plain},

		{"error false", body + times + process + `,"tag":{"error":false}`, plain},
		{"error false as text", body + times + process + `,"tag":{"error":"false"}`, plain},
		{"error true", body + times + process + `,"tag":{"error":true}`, untyped},
		{"error true as text", body + times + process + `,"tag":{"error":"true"}`, untyped},
		{"error that is a text", body + times + process + `,"tag":{"error":"redis timeout"}`, rest},
		{"error listed", body + times + process + `,"tags":[{"key":"error","type":"bool","value":true}]`, rest},
		{"error false listed", body + times + process + `,"tags":[{"key":"error","type":"bool","value":false},{"key":"span.kind","value":"internal"}]`, "internal"},
		{"error false and true listed", body + times + process + `,"tags":[{"key":"error","value":"false"},{"key":"error","value":"true"}]`, rest},
		{"error elevated false, listed true", body + times + process + `,"tag":{"error":false},"tags":[{"key":"error","value":true}]`, rest},
		{"error listed as null", body + times + process + `,"tags":[{"key":"error","value":null}]`, rest},
		{"error listed and endless", body + times + process + `,"tags":[{"key":"error","value":"` + long + `"}]`, rest},
		{"a tag of the process that is called error", body + times + `,"process":{"serviceName":"frontend","tags":[{"key":"error","value":true}]}`, plain},
		{"status ERROR", body + times + process + `,"tag":{"otel@status_code":"ERROR"}`, untyped},
		{"status OK", body + times + process + `,"tag":{"otel@status_code":"OK"}`, plain},
		{"status UNSET", body + times + process + `,"tag":{"otel@status_code":"UNSET"}`, plain},
		{"status OK, and ERROR listed", body + times + process + `,"tag":{"otel@status_code":"OK"},"tags":[{"key":"otel.status_code","value":"ERROR"}]`, rest},
		{"status OK and ERROR at once", body + times + process + `,"tag":{"otel@status_code":["ERROR","OK"]}`, rest},
		{"error false and true at once", body + times + process + `,"tag":{"error":[true,false],"error@type":"io"}`, rest},
		{"error true, and status OK and ERROR at once", body + times + process + `,"tag":{"error":true,"otel@status_code":["ERROR","OK"]}`, untyped},
		{"status listed OK", body + times + process + `,"tags":[{"key":"otel.status_code","value":"OK"}]`, plain},
		{"status listed ERROR", body + times + process + `,"tags":[{"key":"otel.status_code","value":"ERROR"},{"key":"span.kind","value":"server"}]`, rest},
		{"error false, and status ERROR", body + times + process + `,"tag":{"error":false,"otel@status_code":"ERROR"}`, untyped},
		{"error true, beside status OK", body + times + process + `,"tag":{"error":true,"otel@status_code":"OK"}`, untyped},
		{"error true, and listed", body + times + process + `,"tag":{"error":true},"tags":[{"key":"error","value":false}]`, untyped},
		{"error true, and a kind listed", body + times + process + `,"tag":{"error":true,"error@type":"io"},"tags":[{"key":"span.kind","value":"server"}]`, rest},
		{"tag listed, and error true", body + times + process + `,"tag":{"error":true,"error@type":"io"},"tags":[{"key":"env","value":"n1"}]`, rest},
		{"tag elevated, and error true", body + times + process + `,"tag":{"error":true,"error@type":"io","shard@id":"n1","env":""}`, failed},
		{"a type", body + times + process + `,"tag":{"error":true,"error@type":"io","span@kind":"server"}`, failed},
		{"a type that is a number", body + times + process + `,"tag":{"error":true,"error@type":500}`, failed},
		{"a type, and all else", body + times + process + `,"tag":{"error":true,"error@type":"io","http@status_code":503},"tags":[{"key":"error.type","value":"b"}],"logs":[` + exception + `]`, failed},
		{"an empty type", body + times + process + `,"tag":{"error":true,"error@type":""}`, untyped},
		{"an empty type, and one listed", body + times + process + `,"tag":{"error":true,"error@type":""},"tags":[{"key":"error.type","value":"b"}]`, rest},
		{"an endless type", body + times + process + `,"tag":{"error":true,"error@type":"` + long + `"}`, rest},
		{"a type listed", body + times + process + `,"tag":{"error":true},"tags":[{"key":"error.type","value":"b"}]`, rest},
		{"an exception", body + times + process + `,"tag":{"error":true},"logs":[` + exception + `]`, rest},
		{"an exception behind another log", body + times + process + `,"tag":{"error":true},"logs":[{"fields":[{"key":"event","value":"retry"}]},` + exception + `]`, rest},
		{"a log that is no exception", body + times + process + `,"tag":{"error":true},"logs":[{"fields":[{"key":"event","value":"exception"},{"key":"level","value":"exception.type"}]}]`, untyped},
		{"an HTTP status", body + times + process + `,"tag":{"error":true,"http@response@status_code":503}`, untyped},
		{"an old HTTP status", body + times + process + `,"tag":{"error":true,"http@status_code":"404","rpc@grpc@status_code":14}`, untyped},
		{"an HTTP status of success", body + times + process + `,"tag":{"error":true,"http@response@status_code":200,"http@status_code":"x","rpc@grpc@status_code":14}`, untyped},
		{"an HTTP status listed", body + times + process + `,"tag":{"error":true},"tags":[{"key":"http.status_code","value":503}]`, rest},
		{"a gRPC status that is none", body + times + process + `,"tag":{"error":true,"rpc@grpc@status_code":99}`, untyped},
		{"a failed child", body + times + process + `,"parentSpanID":"1","references":[{"refType":"CHILD_OF","traceID":"5b8efff798038103d269b633813fc60c","spanID":"1"}],"tag":{"error":true,"error@type":"io"}`, failed},
		{"a failed child by references alone", body + times + process + `,"references":[{"refType":"CHILD_OF","traceID":"5b8efff798038103d269b633813fc60c","spanID":"1"}],"tag":{"error":true,"error@type":"io"}`, rest},
		{"status endless", body + times + process + `,"tag":{"otel@status_code":"ERROR` + long + `"}`, plain},

		{"no operation", head + times + process, rest},
		{"operation null", head + `"operationName":null,` + times + process, rest},
		{"operation empty", head + `"operationName":"",` + times + process, plain},
		{"operation of 256", head + `"operationName":"` + strings.Repeat("é", 256) + `",` + times + process, plain},
		{"operation of 257", head + `"operationName":"` + strings.Repeat("é", 257) + `",` + times + process, rest},
		{"operation of 129 surrogate pairs", head + `"operationName":"` + strings.Repeat("😀", 129) + `",` + times + process, rest},
		{"operation of 128 surrogate pairs", head + `"operationName":"` + strings.Repeat("😀", 128) + `",` + times + process, plain},
		{"operation with escapes", head + `"operationName":"<a>\"\\\u0041\u2028\u0000é",` + times + process, plain},
		{"no service", body + times + `,"process":{}`, rest},
		{"service empty", body + times + `,"process":{"serviceName":""}`, rest},
		{"service endless", body + times + `,"process":{"serviceName":"` + long + `"}`, rest},
		{"no trace", `"spanID":"1","operationName":"a",` + times + process, rest},
		{"no span", `"traceID":"1","operationName":"a",` + times + process, rest},
		{"a short trace", `"traceID":"1","spanID":"A","operationName":"a",` + times + process, plain},
		{"a trace that is no number", `"traceID":"xyz","spanID":"A","operationName":"a",` + times + process, plain},
		{"no start", body + `"duration":1` + process, rest},
		{"no duration", body + `"startTime":1` + process, rest},
		{"a duration of 0", body + `"startTime":1,"duration":0` + process, plain},
		{"a duration below 0", body + `"startTime":1,"duration":-1` + process, rest},
		{"a start below 0, as text", body + `"startTime":"-1","duration":9223372036854775807` + process, plain},
		{"two starts", body + `"startTime":[1,2],"duration":1` + process, plain},

		{"tag elevated", body + times + process + `,"tag":{"shard@id":"n1","env":""}`, plain},
		{"tag elevated as a number", body + times + process + `,"tag":{"shard@id":1.50,"env":-0}`, plain},
		{"tag elevated as a large number", body + times + process + `,"tag":{"shard@id":1e3,"env":123456789012345678901}`, plain},
		{"tag elevated as true", body + times + process + `,"tag":{"shard@id":true,"env":null}`, plain},
		{"tag elevated and endless", body + times + process + `,"tag":{"shard@id":"` + long + `"}`, rest},
		{"tag elevated as a list", body + times + process + `,"tag":{"shard@id":["b","a"]}`, plain},
		{"tag listed", body + times + process + `,"tags":[{"key":"shard.id","value":"n1"}]`, rest},
		{"tag listed as null", body + times + process + `,"tags":[{"key":"shard.id","value":null}]`, rest},
		{"tag listed beside a kind", body + times + process + `,"tags":[{"key":"env","value":"n1"},{"key":"span.kind","value":"server"}]`, rest},
		{"tag of the process elevated", body + times + `,"process":{"serviceName":"frontend","tag":{"shard@id":"n2","env":"prod"}},"tag":{"env":"test"}`, plain},
		{"tag of the process and endless", body + times + `,"process":{"serviceName":"frontend","tag":{"env":"` + long + `"}}`, rest},
		{"tag of the process listed", body + times + `,"process":{"serviceName":"frontend","tags":[{"key":"a","value":"b"},{"key":"env","value":"prod"}]}`, rest},
		{"another tag listed and endless", body + times + process + `,"tag":{"http@url":"` + long + `"},"tags":[{"key":"db.statement","value":"` + long + `"}]`, plain},

		{"a parent", body + times + process + `,"parentSpanID":"1","references":[{"refType":"CHILD_OF","traceID":"5b8efff798038103d269b633813fc60c","spanID":"1"}]`, plain},
		{"a parent of zeros", body + times + process + `,"parentSpanID":"0000000000000000"`, plain},
		{"a parent of zeros and another", body + times + process + `,"parentSpanID":"0000000000000000","references":[{"refType":"CHILD_OF","traceID":"5b8efff798038103d269b633813fc60c","spanID":"1"}]`, rest},
		{"an empty parent and another", body + times + process + `,"parentSpanID":"","references":[{"refType":"CHILD_OF","traceID":"5b8efff798038103d269b633813fc60c","spanID":"1"}]`, rest},
		{"a parent in references alone", body + times + process + `,"references":[{"refType":"CHILD_OF","traceID":"5b8efff798038103d269b633813fc60c","spanID":"1"}]`, rest},
		{"a link", body + times + process + `,"references":[{"refType":"FOLLOWS_FROM","traceID":"1","spanID":"1"}]`, rest},
		{"no references", body + times + process + `,"references":[]`, plain},
	}
	for i := range all {
		all[i].doc = "{" + all[i].doc + "}"
	}
	return all
}

// recorded returns documents that Jaeger stored.
func recorded(t testing.TB, name string) (docs []string) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "jaeger", "testdata", name+".ndjson.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var hit struct {
			Source json.RawMessage `json:"_source"`
		}
		if err := json.Unmarshal(lines.Bytes(), &hit); err != nil {
			t.Fatal(err)
		}
		docs = append(docs, string(hit.Source))
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return docs
}

func TestLivePlainDocumentsAreToldWholeByTheirDocValues(t *testing.T) {
	cases := written()
	for _, name := range []string{"hotrod-v1", "hotrod-v2"} {
		for i, doc := range recorded(t, name) {
			cases = append(cases, stored{name: fmt.Sprintf("%s %d", name, i), doc: doc})
		}
	}
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		index := c.Prefix(t) + "-jaeger-span-2026-01-02"
		c.Do(t, "PUT", "/"+index, string(jaeger.Template{Shards: 1}.Index()))
		var bulk bytes.Buffer
		for i, s := range cases {
			fmt.Fprintf(&bulk, "{\"index\":{\"_id\":\"%d\"}}\n%s\n", i, s.doc)
		}
		if answer := c.Do(t, "POST", "/"+index+"/_bulk?refresh=true", bulk.String()); !bytes.Contains(answer, []byte(`"errors":false`)) {
			t.Fatalf("bulk: %.2000s", answer)
		}
		noted := c.Flavor == testenv.Elasticsearch
		for _, reader := range []struct {
			tags  []string
			roots bool
		}{{nil, false}, {nil, true}, {[]string{"shard.id", "env"}, true}} {
			tags, roots := reader.tags, reader.roots
			q := elastic.PlainQueries(tags, "@", roots, noted)
			plain, other := ids(t, c, index, q.Plain), ids(t, c, index, q.Other)
			found := map[string][]string{}
			for _, id := range plain {
				found[id] = append(found[id], "plain")
			}
			failed := ids(t, c, index, q.Failed)
			for _, id := range ids(t, c, index, q.Rest) {
				if slices.Contains(failed, id) {
					found[id] = append(found[id], "failed")
				} else {
					found[id] = append(found[id], "rest")
				}
			}
			for _, id := range failed {
				if !slices.Contains(found[id], "failed") {
					found[id] = append(found[id], "failed")
				}
			}
			for k := source.KindServer; k < source.Kinds; k++ {
				for _, id := range ids(t, c, index, q.Nested[k]) {
					found[id] = append(found[id], k.String())
				}
			}
			if got := slices.Sorted(slices.Values(slices.Concat(plain, other))); len(got) != len(cases) || len(slices.Compact(got)) != len(cases) {
				t.Errorf("%d plain documents and %d others of %d", len(plain), len(other), len(cases))
			}
			d := jaeger.NewDecoder(tags, "@")
			count := map[string]int{}
			for i, s := range cases {
				how := found[fmt.Sprint(i)]
				if len(how) != 1 {
					t.Errorf("%s: found by %q", s.name, how)
					continue
				}
				count[how[0]]++
				asked := (roots || !strings.Contains(s.doc, "references")) && (tags != nil || !strings.HasPrefix(s.name, "tag "))
				want := s.want
				if want == "untyped" {
					want = "rest"
					if noted {
						want = "failed"
					}
				}
				if want != "" && how[0] != want && asked && (noted || tags == nil && !strings.Contains(s.name, "endless")) {
					t.Errorf("%s: %s instead of %s", s.name, how[0], want)
				}
				var span source.Span
				if reason := d.Decode([]byte(s.doc), &span); reason != "" {
					continue // a reader of doc values sees it by the form of one
				}
				if how[0] != "rest" && span.Failed != (how[0] == "failed") {
					t.Errorf("%s: failed is %t, and it is %s", s.name, span.Failed, how[0])
				}
				if k := source.ParseKind(how[0]); k != source.KindUnspecified && span.Kind != k && (noted || !strings.Contains(s.name, "endless")) {
					t.Errorf("%s: %s, and found as %s", s.name, span.Kind, k)
				}
			}
			least := map[string]int{"plain": 100, "failed": 15, "rest": 60, "server": 30, "client": 60}
			switch {
			case !noted && tags != nil:
				least = map[string]int{"plain": 1, "failed": 1, "rest": 60} // it is those that have both tags
			case roots:
				// What a Jaeger before v2.20 stored of children tells of the parent in references alone.
				least = map[string]int{"plain": 30, "failed": 10, "rest": 60, "server": 5}
			}
			if !noted && tags == nil {
				least["failed"] = 5 // it is those that have a type
			}
			for how, least := range least {
				if count[how] < least {
					t.Errorf("%q, roots %t: the documents hardly differ: %v", tags, roots, count)
				}
			}
			told := byDocValues(t, c, index, q.Plain, tags, roots)
			for id, got := range byDocValues(t, c, index, q.Failed, tags, roots) {
				got.Failed = true
				told[id] = got
			}
			for id, got := range told {
				var i int
				if _, err := fmt.Sscan(id, &i); err != nil {
					t.Fatal(err)
				}
				var want source.Span
				if d.Decode([]byte(cases[i].doc), &want) != "" {
					continue
				}
				want.Root = want.Root && roots
				if !want.Failed {
					got.ErrorType = ""
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-decoded +by doc values):\n%s", cases[i].name, diff)
				}
			}
		}
	})
}
