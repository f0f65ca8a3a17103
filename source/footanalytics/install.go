package footanalytics

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"net/http"
	"strings"

	"github.com/traceslo/traceslo/source/jaeger"
)

// serviceIndex returns what the names of Jaeger's indices of services begin with.
func serviceIndex(prefix string) string {
	return strings.TrimSuffix(jaeger.SpanIndex(prefix), "span-") + "service-"
}

// A name is the document from which Jaeger's UI learns of an operation
// (in Jaeger, internal/storage/v2/elasticsearch/tracestore/core/service_operation.go).
type name struct {
	Service   string `json:"serviceName"`
	Operation string `json:"operationName"`
}

func appendName(dst []byte, service, operation string) []byte {
	doc, err := json.Marshal(name{service, operation})
	if err != nil {
		panic(err) // two strings always have a JSON form
	}
	return append(dst, doc...)
}

// nameID returns an id for the name of an operation, so that each is stored once a day.
func nameID(service, operation string) string {
	h := fnv.New64a()
	h.Write(appendName(nil, service, operation))
	return fmt.Sprintf("%x", h.Sum64())
}

// install puts the index templates where they are missing, by the API that
// Elasticsearch has since 7.8 and every OpenSearch has.
func (w *Writer) install(ctx context.Context) error {
	spans := jaeger.Template{Prefix: w.options.Prefix, Shards: w.options.Shards, Replicas: w.options.Replicas}
	if err := w.installOne(ctx, strings.TrimSuffix(jaeger.SpanIndex(w.options.Prefix), "-"), spans.Body()); err != nil {
		return err
	}
	names := serviceIndex(w.options.Prefix)
	keyword := map[string]any{"type": "keyword", "ignore_above": 256}
	body, err := json.Marshal(map[string]any{
		"index_patterns": names + "*",
		"priority":       0,
		"template": map[string]any{
			"settings": map[string]any{"index.number_of_shards": w.options.Shards, "index.number_of_replicas": w.options.Replicas},
			"mappings": map[string]any{"properties": map[string]any{"serviceName": keyword, "operationName": keyword}},
		},
	})
	if err != nil {
		return err
	}
	return w.installOne(ctx, strings.TrimSuffix(names, "-"), body)
}

// installOne puts a template unless there is one of that name, of the old kind
// or of the new: it may be a real Jaeger's, with settings of its own.
func (w *Writer) installOne(ctx context.Context, name string, body []byte) error {
	for _, api := range []string{"/_template/", "/_index_template/"} {
		_, status, err := w.bulk.do(ctx, http.MethodHead, api+name, "application/json", nil)
		if err != nil {
			return err
		}
		if status == http.StatusOK {
			return nil
		}
	}
	answer, status, err := w.bulk.do(ctx, http.MethodPut, "/_index_template/"+name, "application/json", body)
	if err != nil {
		return err
	}
	if status != http.StatusOK {
		return fmt.Errorf("put index template %q to %q: status %d: %.200s", name, w.bulk.host, status, answer)
	}
	return nil
}
