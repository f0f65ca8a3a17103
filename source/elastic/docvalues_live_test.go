package elastic_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

// What a test finds out of doc values by itself, to hold the reader's against.

// A fieldsAnswer is what a search for doc values answers.
type fieldsAnswer struct {
	Hits struct {
		Hits []struct {
			ID     string `json:"_id"`
			Fields map[string][]json.Number
		}
	}
}

// ids returns the ids of the documents that a query finds.
func ids(t *testing.T, c *testenv.Cluster, index string, query []byte) (ids []string) {
	t.Helper()
	var answer fieldsAnswer
	body := fmt.Sprintf(`{"size":10000,"_source":false,"query":{"bool":{"filter":[%s]}}}`, query)
	if err := json.Unmarshal(c.Do(t, "POST", "/"+index+"/_search", body), &answer); err != nil {
		t.Fatal(err)
	}
	for _, hit := range answer.Hits.Hits {
		ids = append(ids, hit.ID)
	}
	return ids
}

// reasonOf returns the type of error that values of jaeger.ErrorTags tell.
func reasonOf(values []string) string {
	if values[0] != "" {
		return values[0]
	}
	for _, status := range values[1:3] {
		if n, err := strconv.Atoi(status); err == nil && n >= 400 {
			return status
		}
	}
	if values[3] == "14" {
		return "UNAVAILABLE"
	}
	return "unknown"
}

// byDocValues returns the spans that doc values tell of, without a thought of speed.
func byDocValues(t *testing.T, c *testenv.Cluster, index string, query []byte, tags []string, roots bool) map[string]source.Span {
	t.Helper()
	fields := []string{"traceID", "spanID", "parentSpanID", "operationName", "process.serviceName", "startTime", "duration", "tag.span@kind"}
	for _, tag := range tags {
		name := strings.ReplaceAll(tag, ".", "@")
		fields = append(fields, "tag."+name, "process.tag."+name)
	}
	for _, tag := range jaeger.ErrorTags() {
		fields = append(fields, "tag."+strings.ReplaceAll(tag, ".", "@"))
	}
	body := fmt.Sprintf(`{"size":10000,"_source":false,"docvalue_fields":["%s"],"query":{"bool":{"filter":[%s]}}}`, strings.Join(fields, `","`), query)
	var answer struct {
		Hits struct {
			Hits []struct {
				ID     string `json:"_id"`
				Fields map[string][]any
			}
		}
	}
	dec := json.NewDecoder(bytes.NewReader(c.Do(t, "POST", "/"+index+"/_search", body)))
	dec.UseNumber()
	if err := dec.Decode(&answer); err != nil {
		t.Fatal(err)
	}
	spans := map[string]source.Span{}
	for _, hit := range answer.Hits.Hits {
		one := func(field string) (text string, ok bool) {
			if values := hit.Fields[field]; len(values) == 1 {
				return fmt.Sprint(values[0]), true
			}
			return "", false
		}
		text := func(field string) string { s, _ := one(field); return s }
		number := func(field string) (n int64) { _, _ = fmt.Sscan(text(field), &n); return n }
		s := source.Span{Service: text("process.serviceName"), Operation: text("operationName"), Kind: source.ParseKind(text("tag.span@kind")),
			Start: number("startTime"), Duration: number("duration"), Root: roots && strings.Trim(text("parentSpanID"), "0") == ""}
		if s.Operation == "" {
			s.Operation = jaeger.EmptyOperation
		}
		var high, low uint64
		_, _ = fmt.Sscanf(fmt.Sprintf("%032s", text("traceID")), "%16x%16x", &high, &low)
		binary.BigEndian.PutUint64(s.TraceID[:8], high)
		binary.BigEndian.PutUint64(s.TraceID[8:], low)
		_, _ = fmt.Sscanf(text("spanID"), "%x", &s.SpanID)
		for _, tag := range tags {
			name := strings.ReplaceAll(tag, ".", "@")
			value, ok := one("tag." + name)
			if !ok {
				value = text("process.tag." + name)
			}
			s.Tags = append(s.Tags, value)
		}
		var reasons []string
		for _, tag := range jaeger.ErrorTags() {
			reasons = append(reasons, text("tag."+strings.ReplaceAll(tag, ".", "@")))
		}
		s.ErrorType = reasonOf(reasons)
		spans[hit.ID] = s
	}
	return spans
}
