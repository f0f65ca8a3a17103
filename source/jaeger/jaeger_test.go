package jaeger_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// documents returns what Jaeger stored, as recorded in testdata: hotrod-v1 is
// of a Jaeger v1.76 collector, hotrod-v2 of a v2.13 one, both of its HotROD example.
func documents(t testing.TB, name string) (docs [][]byte) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", name+".ndjson.gz"))
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
		docs = append(docs, hit.Source)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return docs
}

// page returns the answer of a search that found docs.
func page(docs [][]byte) []byte {
	var b bytes.Buffer
	b.WriteString(`{"took":7,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"total":{"value":1,"relation":"eq"},"max_score":null,"hits":[`)
	for i, doc := range docs {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"_index":"jaeger-span-2026-11-22","_id":"ksgNBKIBmKkQ_8Ue%04d","_score":null,"_source":%s,"sort":[%d]}`, i, doc, 40+2*i)
	}
	b.WriteString("]}}\n")
	return b.Bytes()
}
