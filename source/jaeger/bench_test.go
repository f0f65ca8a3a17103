package jaeger_test

import (
	"fmt"
	"testing"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// A span is decoded without an allocation, in 3 ns a byte at most.
func BenchmarkDecode(b *testing.B) {
	for _, name := range []string{"hotrod-v1", "hotrod-v2"} {
		b.Run(name, func(b *testing.B) {
			docs := documents(b, name)
			bytes := 0
			for _, doc := range docs {
				bytes += len(doc)
			}
			b.SetBytes(int64(bytes / len(docs)))
			b.ReportAllocs()
			d := jaeger.NewDecoder([]string{"deployment.environment", "host.name"}, "")
			var s source.Span
			for i := 0; b.Loop(); i++ {
				if i %= len(docs); i == 0 {
					d.Reset()
				}
				if reason := d.Decode(docs[i], &s); reason != "" {
					b.Fatal(reason)
				}
			}
		})
	}
}

// An answer of a thousand spans; the figures are for one span.
func BenchmarkAnswer(b *testing.B) {
	lean := make([][]byte, 1000)
	for i := range lean {
		lean[i] = fmt.Appendf(nil, `{"traceID":"%032x","spanID":"%016x","parentSpanID":"%016x","operationName":"GET /dispatch",`+
			`"startTime":%d,"duration":%d,"process":{"serviceName":"frontend"},"tag":{"span@kind":"server"}}`,
			i*7919, i*104729, i, 1795364300935784+i, 1000+i)
	}
	full := documents(b, "hotrod-v1")
	for len(full) < 1000 {
		full = append(full, full...)
	}
	for name, docs := range map[string][][]byte{"full": full[:1000], "lean": lean} {
		b.Run(name, func(b *testing.B) {
			body := page(docs)
			b.SetBytes(int64(len(body) / len(docs)))
			b.ReportAllocs()
			d := jaeger.NewDecoder([]string{"deployment.environment", "host.name"}, "")
			var a jaeger.Answer
			for n := 0; n < b.N; n += len(docs) {
				if err := d.Answer(body, &a); err != nil || len(a.Spans) != len(docs) {
					b.Fatal(err)
				}
			}
		})
	}
}
