package jaeger_test

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/traceslo/traceslo/internal/golden"
	"github.com/traceslo/traceslo/source/jaeger"
)

func TestTemplate(t *testing.T) {
	var got bytes.Buffer
	for _, template := range []jaeger.Template{
		{Prefix: "footanalytics", Shards: 3, Replicas: 1},
		{Shards: 5, Replicas: 1, Legacy: true},
	} {
		got.WriteString("PUT " + template.Path() + "\n")
		if err := json.Indent(&got, template.Body(), "", "  "); err != nil {
			t.Fatal(err)
		}
		got.WriteByte('\n')
	}
	golden.Check(t, filepath.Join("testdata", "template.golden"), got.Bytes())
}

func TestTemplateAsIndex(t *testing.T) {
	var index struct {
		Settings map[string]any
		Mappings struct{ Properties map[string]any }
	}
	if err := json.Unmarshal(jaeger.Template{Shards: 2}.Index(), &index); err != nil {
		t.Fatal(err)
	}
	if index.Settings["index.number_of_shards"] != 2.0 || len(index.Mappings.Properties) != 15 {
		t.Errorf("got %v", index)
	}
}

func TestSpanIndex(t *testing.T) {
	for prefix, want := range map[string]string{"": "jaeger-span-", "jaeger": "jaeger-jaeger-span-", "jaeger-": "jaeger-jaeger-span-"} {
		if got := jaeger.SpanIndex(prefix); got != want {
			t.Errorf("prefix %q: got %q, want %q", prefix, got, want)
		}
		if path := (jaeger.Template{Prefix: prefix}).Path(); !strings.HasSuffix(path, strings.TrimSuffix(want, "-")) {
			t.Errorf("prefix %q: got path %q", prefix, path)
		}
	}
}
