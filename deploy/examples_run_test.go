package deploy_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"gopkg.in/yaml.v3"

	"github.com/traceslo/traceslo/internal/testenv"
)

// A running program is an example, or the daemon.
type running struct {
	name, url string
	process   *testenv.Process
}

// startService starts a program and waits until it has said at which address it listens.
func startService(t *testing.T, name, listens string, c testenv.Command) *running {
	t.Helper()
	s := &running{name: name, process: testenv.StartProcess(t, c)}
	s.process.WaitOutput(t, listens, 2*time.Minute)
	address := regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)
	for line := range strings.Lines(s.process.Stdout() + s.process.Stderr()) {
		if strings.Contains(line, listens) {
			s.url = "http://" + address.FindString(line)
		}
	}
	return s
}

// startNode builds the Node.js example outside the tree and starts it.
func startNode(t *testing.T, otlp, mlPipeline string) *running {
	t.Helper()
	dir := testenv.NodeProject(t, "deploy/examples/node")
	build := testenv.StartProcess(t, testenv.Command{Path: "npm", Args: []string{"run", "build"}, Dir: dir})
	if err := build.Err(); err != nil {
		t.Fatalf("npm run build: %v\n%s", err, build.Tail())
	}
	// npm start, without npm: it does not hand signals on everywhere.
	var project struct{ Scripts map[string]string }
	b, err := os.ReadFile(filepath.Join(dir, "package.json"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &project); err != nil {
		t.Fatal(err)
	}
	start := strings.Fields(project.Scripts["start"])
	s := startService(t, "video-ingestion", "video-ingestion listens on", testenv.Command{
		Path: start[0], Args: start[1:], Dir: dir, Env: exampleEnv(otlp, "ML_PIPELINE_URL="+mlPipeline),
	})
	s.process.WaitHTTP(t, s.url+"/healthz", time.Minute)
	return s
}

// startPython starts the Python example outside the tree.
func startPython(t *testing.T, otlp string) *running {
	t.Helper()
	s := startService(t, "ml-pipeline", "ml-pipeline listens on", testenv.Command{
		Path: testenv.Python(t, "deploy/examples/python"),
		Args: []string{"app.py"},
		Dir:  testenv.PythonProject(t, "deploy/examples/python"),
		Env:  exampleEnv(otlp),
	})
	s.process.WaitHTTP(t, s.url+"/healthz", time.Minute)
	return s
}

// exampleEnv has an example send its spans when it ends, and not before.
func exampleEnv(otlp string, more ...string) []string {
	return append([]string{"PORT=0", "OTEL_EXPORTER_OTLP_ENDPOINT=" + otlp, "OTEL_BSP_SCHEDULE_DELAY=3600000"}, more...)
}

// forCluster returns a configuration that reads from a cluster, and shows at once what it has read.
func forCluster(t *testing.T, configuration, url, prefix string) string {
	t.Helper()
	var c map[string]any
	if err := yaml.Unmarshal([]byte(configuration), &c); err != nil {
		t.Fatal(err)
	}
	cluster := at(c, "source", "elasticsearch").(map[string]any)
	cluster["addresses"], cluster["index_prefix"], cluster["poll_interval"] = []string{url}, prefix, "1s"
	c["sli"].(map[string]any)["new_series_hold"] = "0s"
	b, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// startDaemon starts the daemon with a configuration.
func startDaemon(t *testing.T, configuration string) *running {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "traceslo.yaml")
	if err := os.WriteFile(file, []byte(configuration), 0o600); err != nil {
		t.Fatal(err)
	}
	return startService(t, "traceslo", `"message":"Listening on"`, testenv.Command{
		Path: testenv.Binary(t, "./cmd/traceslo"),
		Args: []string{
			"serve", "--config.file=" + file, "--storage.path=" + filepath.Join(dir, "data"),
			"--web.listen-address=127.0.0.1:0", "--log.format=json",
		},
	})
}

// families are the metrics that a daemon shows.
type families map[string]*dto.MetricFamily

// settled waits until the daemon has read all that was stored before now, and returns its metrics.
func (s *running) settled(t *testing.T) families {
	t.Helper()
	now := float64(time.Now().UnixMilli()) / 1e3
	var shown families
	testenv.Eventually(t, time.Minute, func() error {
		answer, err := http.Get(s.url + "/metrics")
		if err != nil {
			return err
		}
		defer answer.Body.Close()
		parser := expfmt.NewTextParser(model.UTF8Validation)
		if shown, err = parser.TextToMetricFamilies(answer.Body); err != nil {
			return err
		}
		at := shown.by("traceslo_source_last_complete_read_timestamp_seconds", nil)[""]
		if at < now {
			return fmt.Errorf("read completely up to %.1f s ago\n%s", now-at, s.process.Tail())
		}
		return nil
	})
	return shown
}

// by adds up a family's values, of a histogram the counts, by labels, over what has the labels that are wanted. A
// value that no label tells from another stands under "".
func (f families) by(name string, wanted map[string]string, labels ...string) map[string]float64 {
	out := map[string]float64{}
metric:
	for _, m := range f[name].GetMetric() {
		has := map[string]string{}
		for _, pair := range m.GetLabel() {
			has[pair.GetName()] = pair.GetValue()
		}
		for label, value := range wanted {
			if has[label] != value {
				continue metric
			}
		}
		var key []string
		for _, label := range labels {
			key = append(key, has[label])
		}
		out[strings.Join(key, " ")] += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return out
}

// A storedSpan is one of Jaeger's documents.
type storedSpan struct {
	trace, id, parent string
	what              string // Service, operation and kind.
	tags              map[string]string
}

// storedSpans returns all spans that Jaeger has stored under a prefix.
func storedSpans(t *testing.T, c *testenv.Cluster, prefix string) []storedSpan {
	t.Helper()
	c.Do(t, "POST", "/"+prefix+"*/_refresh", "")
	var found struct {
		Hits struct {
			Hits []struct {
				Source struct {
					TraceID, SpanID, OperationName string
					References                     []struct{ RefType, TraceID, SpanID string }
					Process                        struct{ ServiceName string }
					Tags                           []struct {
						Key   string
						Value any
					}
					Tag map[string]any
				} `json:"_source"`
			}
		}
	}
	if err := json.Unmarshal(c.Do(t, "GET", "/"+prefix+"-jaeger-span-*/_search?size=10000", ""), &found); err != nil {
		t.Fatal(err)
	}
	var spans []storedSpan
	for _, hit := range found.Hits.Hits {
		d := hit.Source
		tags := map[string]string{}
		for name, value := range d.Tag {
			tags[strings.ReplaceAll(name, "@", ".")] = fmt.Sprint(value)
		}
		for _, tag := range d.Tags {
			tags[tag.Key] = fmt.Sprint(tag.Value)
		}
		s := storedSpan{trace: d.TraceID, id: d.SpanID, tags: tags}
		for _, r := range d.References {
			if r.RefType == "CHILD_OF" && r.TraceID == d.TraceID {
				s.parent = r.SpanID
			}
		}
		s.what = strings.Join([]string{d.Process.ServiceName, d.OperationName, tags["span.kind"]}, " ")
		spans = append(spans, s)
	}
	return spans
}
