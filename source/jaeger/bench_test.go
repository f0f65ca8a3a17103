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

// An answer of a thousand spans, by their documents and by their doc values;
// the figures are for one span.
func BenchmarkAnswer(b *testing.B) {
	small := make([][]byte, 1000)
	for i := range small {
		small[i] = fmt.Appendf(nil, `{"traceID":"%032x","spanID":"%016x","parentSpanID":"%016x","operationName":"GET /dispatch",`+
			`"startTime":%d,"duration":%d,"process":{"serviceName":"frontend"},"tag":{"span@kind":"server"}}`,
			i*7919, i*104729, i, 1795364300935784+i, 1000+i)
	}
	full := documents(b, "hotrod-v1")
	for len(full) < 1000 {
		full = append(full, full...)
	}
	d := jaeger.NewDecoder(leanTags, "")
	for _, answer := range []struct {
		name   string
		body   []byte
		decode func([]byte, *jaeger.Answer) error
	}{
		{"full", page(full[:1000]), d.Answer},
		{"small", page(small), d.Answer},
		{"lean", leanBody(1000), func(body []byte, a *jaeger.Answer) error { return d.Lean(body, true, a) }},
	} {
		b.Run(answer.name, func(b *testing.B) {
			b.SetBytes(int64(len(answer.body) / 1000))
			b.ReportAllocs()
			var a jaeger.Answer
			for n := 0; n < b.N; n += 1000 {
				if err := answer.decode(answer.body, &a); err != nil || len(a.Spans) != 1000 {
					b.Fatal(err)
				}
			}
		})
	}
}
