package elastic_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/bench"
	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
	"github.com/traceslo/traceslo/source/jaeger"
)

// BenchmarkLiveRead reads 60,000 spans as Jaeger stored them, from one shard of
// each server, whole and lean by turns, and tells the CPU time of the cluster
// and of this process, which receives and decodes, a span. One in sixteen or so failed, and
// is read whole either way. `make servers` has to run; -benchtime 12x or so is best, and takes ten minutes.
func BenchmarkLiveRead(b *testing.B) {
	const spans = 60_000
	docs := recorded(b, "hotrod-v2")
	for _, c := range testenv.Shared(b).Clusters {
		b.Run(c.Name(), func(b *testing.B) {
			prefix := c.Prefix(b)
			index := prefix + "-jaeger-span-2026-01-02"
			c.Do(b, "PUT", "/"+index, string(jaeger.Template{Shards: 1}.Index()))
			ids := regexp.MustCompile(`"(traceID|spanID)":"[0-9a-f]*"`)
			for n := 0; n < spans; {
				var bulk bytes.Buffer
				for range 2000 {
					doc := ids.ReplaceAllFunc([]byte(docs[n%len(docs)]), func(id []byte) []byte {
						if bytes.HasPrefix(id, []byte(`"s`)) {
							return fmt.Appendf(nil, `"spanID":"%016x"`, uint64(n)*0x9e3779b97f4a7c15)
						}
						return fmt.Appendf(nil, `"traceID":"%016x%016x"`, uint64(n/30+1)*0xbf58476d1ce4e5b9, n/30)
					})
					fmt.Fprintf(&bulk, "{\"index\":{}}\n%s\n", doc)
					n++
				}
				if answer := c.Do(b, "POST", "/"+index+"/_bulk", bulk.String()); !bytes.Contains(answer, []byte(`"errors":false`)) {
					b.Fatalf("bulk: %.2000s", answer)
				}
			}
			// As an index looks after a day: segments that were merged.
			c.Do(b, "POST", "/"+index+"/_forcemerge?max_num_segments=3", "")
			server := pidOf(b, c)
			read := map[string]func(){}
			used := map[string][2]time.Duration{}
			forms := []string{"whole", "lean"}
			for _, form := range forms {
				o := elastic.Options{Config: elastic.Default()}
				o.Config.Addresses, o.Config.IndexPrefix, o.Config.TLS.CAFile = []string{c.URL}, prefix, c.CAFile
				s, err := elastic.New(o)
				if err != nil {
					b.Fatal(err)
				}
				defer s.Close()
				v, err := s.Survey(b.Context())
				if err != nil {
					b.Fatal(err)
				}
				if form == "whole" {
					elastic.ReadWhole(s, v.Indices[0].UUID)
				}
				read[form] = func() {
					n := 0
					if err := s.Read(b.Context(), all(v, v.Indices[0], 0), func(p *source.Page) error { n += len(p.Spans); return nil }); err != nil || n != spans {
						b.Fatalf("%d spans, %v", n, err)
					}
				}
			}
			// A server that was just started interprets its code at first, and compiles it beside.
			for range 15 {
				for _, form := range forms {
					read[form]()
				}
			}
			for b.Loop() {
				for _, form := range forms {
					theirs, ours := usage(b, server), usage(b, os.Getpid())
					read[form]()
					sum := used[form]
					sum[1] += usage(b, os.Getpid()) - ours
					sum[0] += usage(b, server) - theirs
					used[form] = sum
				}
			}
			for _, form := range forms {
				for i, who := range []string{"cluster", "daemon"} {
					b.ReportMetric(float64(used[form][i].Nanoseconds())/float64(b.N)/spans, who+"-"+form+"-ns/span")
				}
			}
			b.ReportMetric(float64(used["lean"][0])/float64(used["whole"][0]), "cluster-lean/whole")
			b.ReportMetric(float64(used["lean"][1])/float64(used["whole"][1]), "daemon-lean/whole")
		})
	}
}

// usage returns the CPU time that a process has used.
func usage(b *testing.B, pid int) time.Duration {
	b.Helper()
	u, err := bench.UsageOf(pid)
	if err != nil {
		b.Skip(err)
	}
	return u.CPU
}

// pidOf returns the process of a cluster's node.
func pidOf(b *testing.B, c *testenv.Cluster) int {
	b.Helper()
	var answer struct {
		Nodes map[string]struct{ Process struct{ ID int } }
	}
	if err := json.Unmarshal(c.Do(b, "GET", "/_nodes/_local/process", ""), &answer); err != nil {
		b.Fatal(err)
	}
	for _, node := range answer.Nodes {
		return node.Process.ID
	}
	b.Fatal("the cluster names no node")
	return 0
}
