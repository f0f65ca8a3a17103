package dashboards_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/slo"
)

// The names that the two histograms have in Prometheus.
const native, classic = slo.DurationMetric, slo.DurationMetric + "_bucket"

// chosen are what people look at on each board of the demo, one after the other:
// together they show all there is.
func chosen() map[string][]grafana {
	everything := []string{all}
	objective := func(service, name string) grafana { return grafana{"service": {service}, "slo": {name}} }
	service := func(histogram string) grafana {
		return grafana{"service": {"video-ingestion"}, "operation": everything, "kind": everything, "histogram": {histogram}}
	}
	return map[string][]grafana{
		"traceslo-overview": {{"service": everything, "histogram": {native}}, {"service": everything, "histogram": {classic}}},
		"traceslo-service":  {service(native), service(classic)},
		"traceslo-slos":     {{"service": everything}},
		"traceslo-slo":      {objective("api-gateway", "api-gateway-reads"), objective("video-ingestion", "video-upload"), objective("ml-pipeline", "ml-inference-latency")},
		"traceslo-self":     {{"instance": everything}},
	}
}

// incident is what a second reader exposes, one with a part of the spans of its
// own (shard 2), which has fallen behind: an outage of the uploads in all of
// their windows, and an exclusion that runs.
func incident(now time.Time) string {
	var b strings.Builder
	fmt.Fprintln(&b, `traceslo_source_catching_up{shard="2"} 1`)
	fmt.Fprintln(&b, `traceslo_slo_excluded{slo="ml-inference-latency",service="ml-pipeline",shard="2"} 1`)
	const upload = `slo="video-upload",service="video-ingestion",shard="2"`
	fmt.Fprintf(&b, "traceslo_slo_unmeasured_seconds{%s} 1\n", upload)
	for _, window := range []string{"5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"} {
		fmt.Fprintf(&b, "traceslo_slo_window_events{%s,window=%q} 9e6\n", upload, window)
		fmt.Fprintf(&b, "traceslo_slo_window_bad_events{%s,window=%q} 5e6\n", upload, window)
	}
	// The same time last week.
	then, counts := now.Add(-7*24*time.Hour).UnixMilli(), now.Unix()%1e6
	const process = `service="video-ingestion",operation="video.process",span_kind="consumer",shard="2"`
	fmt.Fprintf(&b, "jaeger_traces_total{%s} %d %d\n", process, counts, then)
	fmt.Fprintf(&b, "jaeger_trace_errors_total{%s,error_type=\"503\"} %d %d\n", process, counts/10, then)
	for _, le := range []string{"1", "5", "+Inf"} {
		fmt.Fprintf(&b, "jaeger_trace_duration_seconds_bucket{%s,le=%q} %d %d\n", process, le, counts, then)
	}
	return b.String()
}

// TestBoardsShowTheDemo asks a real Prometheus, which scrapes the demo and has
// its rules, everything that the boards ask. Each question has to have an
// answer for one of the choices: what needs an incident, or a week of history,
// gets one.
func TestBoardsShowTheDemo(t *testing.T) {
	testenv.Live(t)
	p := prometheusOfDemo(t)
	all := boards(t, demo(t))
	rows := rowsOf(t, all)
	testenv.Eventually(t, 3*time.Minute, func() error {
		if n := p.newest(t, `count_over_time(up{instance!="incident"}[5m])`); n < 40 {
			return fmt.Errorf("the demo was scraped %v times", n)
		}
		return nil
	})
	testenv.Eventually(t, 2*time.Minute, func() error {
		var missing []string
		for _, r := range rows {
			for _, choice := range chosen()[r.uid] {
				if r.series == 0 && (r.histogram == "" || r.histogram == choice["histogram"][0]) {
					r.series = p.answer(t, choice, r.question)
				}
			}
			if r.series == 0 && unanswered[r.String()] == "" {
				missing = append(missing, r.String())
			}
		}
		if len(missing) > 0 {
			return fmt.Errorf("without data:\n%s", strings.Join(missing, "\n"))
		}
		return nil
	})
	var table strings.Builder
	w := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "board\tasked by\tseries")
	for _, r := range rows {
		if reason := unanswered[r.String()]; reason != "" && r.series > 0 {
			t.Errorf("%s has an answer, and is said to have none: %s", r, reason)
		}
		fmt.Fprintf(w, "%s\t%d\n", r, r.series)
	}
	w.Flush()
	t.Logf("\n%s", table.String())
	p.checkExemplars(t, all)
}

// A row is a question of a board, by which histogram it is asked if it is of
// one, and how many series answer it.
type row struct {
	uid, histogram string
	question
	series int
}

func (r *row) String() string {
	text := r.uid + "\t" + r.of
	if r.histogram != "" {
		text += ", " + r.histogram
	}
	return text
}

// rowsOf returns all questions of the boards. Those of a histogram are two.
func rowsOf(t *testing.T, all map[string]dashboard.Dashboard) (rows []*row) {
	t.Helper()
	for _, uid := range slices.Sorted(maps.Keys(all)) {
		for _, q := range questions(t, all[uid]) {
			if !strings.Contains(q.expr, "${histogram}") {
				rows = append(rows, &row{uid: uid, question: q})
				continue
			}
			for _, histogram := range []string{native, classic} {
				rows = append(rows, &row{uid: uid, histogram: histogram, question: q})
			}
		}
	}
	return rows
}

// unanswered are the questions that nothing here can be made to answer.
var unanswered = map[string]string{
	`traceslo-service	panel "p95", query B, ` + native: "only a week of real time brings native histograms of a week ago: the text that the incident is written in has none",
}

// checkExemplars holds that there are single spans to every panel that shows some.
func (p *server) checkExemplars(t *testing.T, all map[string]dashboard.Dashboard) {
	t.Helper()
	seen := 0
	for uid, d := range all {
		for _, panel := range panels(d) {
			for _, target := range panel.Targets {
				q := query(t, target)
				if q.Exemplar == nil || !*q.Exemplar {
					continue
				}
				for _, choice := range chosen()[uid] {
					var found []struct {
						Exemplars []struct{ Labels map[string]string }
					}
					expr := p.choose(choice).replace(t, q.Expr)
					p.get(t, "query_exemplars", url.Values{"query": {expr}, "start": {p.at(-10 * time.Minute)}, "end": {p.at(0)}}, &found)
					n := 0
					for _, series := range found {
						for _, e := range series.Exemplars {
							if len(e.Labels["trace_id"]) == 32 {
								n++
							}
						}
					}
					if n == 0 {
						t.Errorf("%s: %s has no exemplar with a trace_id from %s", uid, *panel.Title, choice["histogram"])
					}
					seen += n
				}
			}
		}
	}
	t.Logf("%d exemplars", seen)
}

// A server is a Prometheus and what scrapes of the demo need to be told.
type server struct{ *testenv.Prometheus }

// choose adds what Grafana knows of itself.
func (p *server) choose(choice grafana) grafana {
	whole := grafana{"datasource": {"uid"}, "__rate_interval": {"10s"}, "__range": {"60s"}}
	maps.Copy(whole, choice)
	return whole
}

func (p *server) at(offset time.Duration) string {
	return strconv.FormatFloat(float64(time.Now().Add(offset).UnixMilli())/1000, 'f', 3, 64)
}

// answer returns how many series answer a question with a value that is a number.
func (p *server) answer(t *testing.T, choice grafana, q question) int {
	t.Helper()
	expr := p.choose(choice).replace(t, q.expr)
	if q.label != "" {
		var values []string
		p.get(t, "label/"+q.label+"/values", url.Values{"match[]": {expr}}, &values)
		return len(values)
	}
	var data struct {
		Result []struct {
			Value      []any
			Values     [][]any
			Histogram  []any
			Histograms []any
		}
	}
	if q.instant {
		p.get(t, "query", url.Values{"query": {expr}}, &data)
	} else {
		p.get(t, "query_range", url.Values{"query": {expr}, "start": {p.at(-60 * time.Second)}, "end": {p.at(0)}, "step": {"5"}}, &data)
	}
	n := 0
	for _, series := range data.Result {
		if len(series.Histogram) > 0 || len(series.Histograms) > 0 || number(series.Value) || slices.ContainsFunc(series.Values, number) {
			n++
		}
	}
	return n
}

// number tells whether a sample of Prometheus' API is one that can be shown.
func number(sample []any) bool {
	if len(sample) != 2 {
		return false
	}
	f, err := strconv.ParseFloat(fmt.Sprint(sample[1]), 64)
	return err == nil && !math.IsNaN(f)
}

// newest returns the greatest value of an expression, 0 if there is none.
func (p *server) newest(t *testing.T, expr string) float64 {
	t.Helper()
	var data struct{ Result []struct{ Value []any } }
	p.get(t, "query", url.Values{"query": {"max(" + expr + ")"}}, &data)
	if len(data.Result) == 0 {
		return 0
	}
	f, err := strconv.ParseFloat(fmt.Sprint(data.Result[0].Value[1]), 64)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// get asks the API; a question that it refuses fails the test.
func (p *server) get(t *testing.T, path string, values url.Values, into any) {
	t.Helper()
	response, err := http.PostForm(p.URL+"/api/v1/"+path, values)
	if strings.HasPrefix(path, "label/") {
		response, err = http.Get(p.URL + "/api/v1/" + path + "?" + values.Encode())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct {
		Status, Error string
		Data          json.RawMessage
		Warnings      []string
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		t.Fatal(err)
	}
	if answer.Status != "success" || len(answer.Warnings) > 0 {
		t.Fatalf("%s: %s %q for\n%s", path, answer.Error, answer.Warnings, values)
	}
	if err := json.Unmarshal(answer.Data, into); err != nil {
		t.Fatal(err)
	}
}

// prometheusOfDemo starts the demo, waits until it has read its month, and
// starts a Prometheus that scrapes it and the incident with the demo's rules.
func prometheusOfDemo(t *testing.T) *server {
	t.Helper()
	binary := testenv.Binary(t, "./cmd/traceslo")
	dir := t.TempDir()
	if out, err := exec.Command(binary, "rules", "--config.file="+filepath.Join("..", "cmd", "traceslo", "demo.yaml"), "--output.dir="+dir).CombinedOutput(); err != nil {
		t.Fatalf("rules: %v\n%s", err, out)
	}
	files := map[string]string{}
	for _, name := range []string{"traceslo-slos.yaml", "traceslo-platform.yaml"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		files[name] = string(text)
	}
	address := freeAddress(t)
	process := testenv.StartProcess(t, testenv.Command{Path: binary, Args: []string{"demo", "--web.listen-address=" + address}})
	testenv.Eventually(t, 3*time.Minute, func() error {
		response, err := http.Get("http://" + address + "/metrics")
		if err != nil {
			return fmt.Errorf("%w\n%s", err, process.Tail())
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil || !strings.Contains(string(text), "\ntraceslo_source_catching_up 0\n") {
			return fmt.Errorf("the demo still reads its month: %v", err)
		}
		return nil
	})
	trouble := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4")
		fmt.Fprint(w, incident(time.Now()))
	}))
	t.Cleanup(trouble.Close)
	return &server{testenv.StartPrometheus(t, testenv.PrometheusOptions{
		Files: files, Args: []string{"--enable-feature=exemplar-storage"},
		Config: fmt.Sprintf(`global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [traceslo-*.yaml]
storage: {tsdb: {out_of_order_time_window: 8d}}
scrape_configs:
  - job_name: traceslo
    honor_labels: true
    scrape_native_histograms: true
    always_scrape_classic_histograms: true
    static_configs:
      - targets: [%q]
      - {targets: [%q], labels: {instance: incident}}
`, address, strings.TrimPrefix(trouble.URL, "http://"))})}
}

// freeAddress returns an address at which nobody serves.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}
