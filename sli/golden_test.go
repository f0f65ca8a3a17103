package sli_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/rogpeppe/go-internal/txtar"
	"gopkg.in/yaml.v3"

	"github.com/traceslo/traceslo/internal/golden"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/source"
)

// TestGolden counts the spans of each file of testdata under the
// configuration there, over the default, and compares what a scrape shows. Of
// a file, config.yaml and spans are given; the rest is what must come out:
// text, openmetrics, and own, the recorder's figures of itself. A file that has
// measures.yaml is about judging: what must come out is minutes, and culprits by
// day, each with the step, the measure's name and its value.
//
// A span is a line of trace, service, operation, kind, start (after the
// beginning of the test) and duration, and then root, error=TYPE and tags; "again"
// is the span before once more, and "--" the end of a step.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no file in testdata", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			archive := txtar.Parse(data)
			given := map[string]string{}
			for _, f := range archive.Files {
				given[f.Name] = string(f.Data)
			}
			cfg := testConfig()
			if err := yaml.Unmarshal([]byte(given["config.yaml"]), &cfg); err != nil {
				t.Fatal(err)
			}
			var measures []measure
			decodeYAML(t, given["measures.yaml"], &measures)
			for _, m := range measures {
				for _, f := range m.SLI.Validate() {
					t.Fatalf("%s: %+v", m.Name, f)
				}
				cfg.Measures = append(cfg.Measures, sli.Measure{Indicator: m.SLI, ForEach: m.ForEach})
			}
			r := newRecorder(t, cfg)
			at := start
			var minutes, culprits bytes.Buffer
			for i, page := range readSpans(t, given["spans"], r.Tags()) {
				r.Count(i%2, page)
				printMinutes(&minutes, i, r, measures)
				printCulprits(&culprits, i, r, measures)
				at = start.Add(time.Duration(i) * time.Minute)
				step(t, r, at)
			}
			if len(measures) > 0 {
				archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "minutes" || f.Name == "culprits" })
				archive.Files = append(archive.Files, txtar.File{Name: "minutes", Data: minutes.Bytes()}, txtar.File{Name: "culprits", Data: culprits.Bytes()})
				golden.Check(t, file, txtar.Format(archive))
				return
			}
			registry := prometheus.NewRegistry()
			registry.MustRegister(sli.NewCollector(func() *sli.Recorder { return r }))
			families, err := registry.Gather()
			if err != nil {
				t.Fatal(err)
			}
			var own bytes.Buffer
			if err := sli.Write(&own, expfmt.FmtText, families, nil, at); err != nil {
				t.Fatal(err)
			}
			archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name != "config.yaml" && f.Name != "spans" })
			archive.Files = append(archive.Files,
				txtar.File{Name: "text", Data: exposition(t, r, expfmt.FmtText, at)},
				txtar.File{Name: "openmetrics", Data: exposition(t, r, expfmt.FmtOpenMetrics_1_0_0, at)},
				txtar.File{Name: "own", Data: own.Bytes()})
			golden.Check(t, file, txtar.Format(archive))
		})
	}
}

// A measure is one of measures.yaml.
type measure struct {
	Name    string        `yaml:"name"`
	SLI     sli.Indicator `yaml:"sli"`
	ForEach string        `yaml:"for_each"`
}

// name returns how a golden file calls a measure with a value.
func name(place int, value string, measures []measure) string {
	if place == sli.Platform {
		return "every span"
	}
	return strings.TrimSpace(measures[place].Name + " " + value)
}

func printMinutes(b *bytes.Buffer, step int, r *sli.Recorder, measures []measure) {
	var lines []string
	for m := range r.Minutes() {
		lines = append(lines, fmt.Sprintf("%d %s %s: %d events, %d bad\n", step, time.Unix(60*m.Minute, 0).UTC().Format("01-02 15:04"), name(m.Measure, m.Value, measures), m.Events, m.Bad))
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ""))
}

func printCulprits(b *bytes.Buffer, step int, r *sli.Recorder, measures []measure) {
	var lines []string
	for c := range r.Culprits() {
		lines = append(lines, fmt.Sprintf("%d %s %s: %d of %+q\n", step, time.Unix(86400*c.Day, 0).UTC().Format("01-02"), name(c.Measure, c.Value, measures), c.Bad,
			[]string{c.Culprit.Service, c.Culprit.Operation, c.Culprit.ErrorType, c.Culprit.Values}))
	}
	slices.Sort(lines)
	b.WriteString(strings.Join(lines, ""))
}

// decodeYAML reads text into v, and refuses keys that v does not have.
func decodeYAML(t testing.TB, text string, v any) {
	t.Helper()
	d := yaml.NewDecoder(strings.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(v); err != nil && !errors.Is(err, io.EOF) {
		t.Fatalf("%s: %v", text, err)
	}
}

func readSpans(t *testing.T, text string, keys []string) [][]source.Span {
	t.Helper()
	kinds := []source.Kind{source.KindUnspecified, source.KindServer, source.KindClient, source.KindProducer, source.KindConsumer, source.KindInternal}
	pages := [][]source.Span{nil}
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		last := &pages[len(pages)-1]
		switch {
		case len(fields) == 0:
		case fields[0] == "--":
			pages = append(pages, nil)
		case fields[0] == "again":
			*last = append(*last, (*last)[len(*last)-1])
		default:
			s := source.Span{Service: fields[1], Operation: fields[2], Kind: kinds[slices.IndexFunc(kinds, func(k source.Kind) bool { return k.String() == fields[3] })], Tags: make([]string, len(keys))}
			after, err := time.ParseDuration(fields[4])
			if err != nil {
				t.Fatal(err)
			}
			duration, err := time.ParseDuration(fields[5])
			if err != nil {
				t.Fatal(err)
			}
			if _, err := fmt.Sscanf(fields[0], "%x", &s.SpanID); err != nil {
				t.Fatal(err)
			}
			s.TraceID[15] = byte(s.SpanID)
			s.Start, s.Duration = start.Add(after).UnixMicro(), duration.Microseconds()
			for _, f := range fields[6:] {
				key, value, _ := strings.Cut(f, "=")
				if i := slices.Index(keys, key); i >= 0 {
					s.Tags[i] = value
				} else if key == "error" {
					s.Failed, s.ErrorType = true, value
				} else if key == "root" {
					s.Root = true
				}
			}
			*last = append(*last, s)
		}
	}
	return pages
}
