package deploy_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/traceslo/traceslo/internal/testenv"
)

const examplesConfig = "examples/traceslo.yaml"

// A sent says what is asked of the examples, and how often.
type sent struct {
	plan, fault string
	times       int
}

// exampleRequests are the requests of the test: every fault and every plan, none as often as another.
var exampleRequests = []sent{
	{plan: "free", times: 7},
	{plan: "premium", times: 5},
	{plan: "premium", fault: "upload", times: 3},
	{plan: "free", fault: "preprocessing", times: 2},
	{plan: "club", fault: "model", times: 4},
	{plan: "club", fault: "slow", times: 1},
}

// exampleStatuses is how video-ingestion answers by fault.
var exampleStatuses = map[string]int{
	"": http.StatusOK, "slow": http.StatusOK, "upload": http.StatusServiceUnavailable,
	"preprocessing": http.StatusUnprocessableEntity, "model": http.StatusBadGateway,
}

const (
	gatewaySpan        = "video-ingestion POST /videos/:id server"
	processSpan        = "video-ingestion video.process internal"
	uploadSpan         = "video-ingestion video.upload.s3 client"
	callSpan           = "video-ingestion POST client"
	pipelineSpan       = "ml-pipeline POST /inference server"
	inferenceSpan      = "ml-pipeline ml.inference internal"
	preprocessingSpan  = "ml-pipeline ml.preprocessing internal"
	modelSpan          = "ml-pipeline ml.model.inference internal"
	postprocessingSpan = "ml-pipeline ml.postprocessing internal"
)

// spanParents tells of each kind of span whose child it is: so the trace goes on from one service to the other.
var spanParents = map[string]string{
	gatewaySpan: "", processSpan: gatewaySpan, uploadSpan: processSpan, callSpan: processSpan,
	pipelineSpan: callSpan, inferenceSpan: pipelineSpan, preprocessingSpan: inferenceSpan, modelSpan: inferenceSpan, postprocessingSpan: inferenceSpan,
}

// spansOf returns the spans that a request makes by fault, each with its type of error, "" if it does not fail.
func spansOf(fault string) map[string]string {
	all := map[string]string{
		gatewaySpan: "", processSpan: "", uploadSpan: "", callSpan: "", pipelineSpan: "", inferenceSpan: "", preprocessingSpan: "", modelSpan: "", postprocessingSpan: "",
	}
	without := func(spans ...string) {
		for _, s := range spans {
			delete(all, s)
		}
	}
	switch fault {
	case "upload":
		without(callSpan, pipelineSpan, inferenceSpan, preprocessingSpan, modelSpan, postprocessingSpan)
		all[gatewaySpan], all[processSpan], all[uploadSpan] = "503", "S3UploadError", "S3UploadError"
	case "preprocessing":
		without(modelSpan, postprocessingSpan)
		// That the video cannot be read is the client's affair: for the two servers it is no failure.
		all[processSpan], all[callSpan] = "InferenceError", "422"
		all[inferenceSpan], all[preprocessingSpan] = "pipeline.UnreadableVideo", "pipeline.UnreadableVideo"
	case "model":
		without(postprocessingSpan)
		all[gatewaySpan], all[processSpan], all[callSpan], all[pipelineSpan] = "502", "InferenceError", "500", "500"
		all[inferenceSpan], all[modelSpan] = "pipeline.ModelOutOfMemory", "pipeline.ModelOutOfMemory"
	}
	return all
}

func TestExamplesObjectivesAreAccepted(t *testing.T) {
	out, err := traceslo(t, read(t, examplesConfig), "check")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(out, " 6 objectives, 0 warnings") {
		t.Errorf("check says %s", out)
	}
}

// TestExamplesAreCountedExactly sends requests to the two examples with the real SDKs and compares what the daemon then
// shows, and what Jaeger has stored, with what the requests imply.
func TestExamplesAreCountedExactly(t *testing.T) {
	c := testenv.SharedCluster(t, testenv.Elasticsearch, "8.19.7")
	prefix := c.Prefix(t)
	jaeger := testenv.StartJaegerV2(t, testenv.JaegerOptions{Cluster: c, IndexPrefix: prefix})
	daemon := startDaemon(t, forCluster(t, read(t, examplesConfig), c.URL, prefix))
	python := startPython(t, jaeger.OTLPHTTP)
	node := startNode(t, jaeger.OTLPHTTP, python.url)

	ids := sendRequests(t, node.url)
	// The spans wait for an hour to be sent, unless their service ends: all that follows shows that it sends them then.
	for _, s := range []*running{node, python} {
		if err := s.process.Terminate(30 * time.Second); err != nil {
			t.Fatal(err)
		}
		if err := s.process.Err(); err != nil {
			t.Errorf("%s ended badly: %v\n%s", s.name, err, s.process.Tail())
		}
	}
	// Jaeger stores what it was sent before it ends.
	if err := jaeger.Collector.Terminate(30 * time.Second); err != nil {
		t.Fatal(err)
	}

	want := map[string]float64{"video-ingestion GET server": 1}
	errors, byPlan := map[string]float64{}, map[string]float64{}
	for _, r := range exampleRequests {
		byPlan[r.plan] += float64(r.times)
		for span, errorType := range spansOf(r.fault) {
			want[span] += float64(r.times)
			if errorType != "" {
				errors[span+" "+errorType] += float64(r.times)
			}
		}
	}
	shown := daemon.settled(t)
	compare := func(what string, want, got map[string]float64) {
		t.Helper()
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	compare("spans", want, shown.by("jaeger_traces_total", nil, "service", "operation", "span_kind"))
	compare("durations", want, shown.by("jaeger_trace_duration_seconds", nil, "service", "operation", "span_kind"))
	compare("errors", errors, shown.by("jaeger_trace_errors_total", nil, "service", "operation", "span_kind", "error_type"))
	compare("plans", byPlan, shown.by("jaeger_traces_total", map[string]string{"operation": "video.process"}, "plan"))
	compare("versions of the model", map[string]float64{"2.4.1": want[inferenceSpan]},
		shown.by("jaeger_traces_total", map[string]string{"operation": "ml.inference"}, "model_version"))

	events, bad := impliedEvents()
	compare("events", events, shown.by("traceslo_slo_events_total", nil, "slo", "service"))
	compare("bad events", bad, shown.by("traceslo_slo_bad_events_total", nil, "slo", "service"))

	stored := storedSpans(t, c, prefix)
	holdTraces(t, stored)
	holdRequestIDs(t, stored, ids)
	if !t.Failed() {
		t.Logf("%d spans in %v, errors %v; events %v, bad %v", len(stored), want, errors, events, bad)
	}
}

// sendRequests sends all requests, four at a time, and one for a page that is not there. It returns their ids by fault.
func sendRequests(t *testing.T, url string) map[string][]string {
	t.Helper()
	ids := map[string][]string{}
	var group errgroup.Group
	group.SetLimit(4)
	for _, r := range exampleRequests {
		for range r.times {
			id := fmt.Sprintf("request-%s-%s-%d", r.plan, r.fault, len(ids[r.fault]))
			ids[r.fault] = append(ids[r.fault], id)
			group.Go(func() error {
				header := map[string]string{"X-Request-Id": id, "X-User-Plan": r.plan, "X-Fault": r.fault}
				return expect(t, http.MethodPost, url+"/videos/"+id, header, exampleStatuses[r.fault])
			})
		}
	}
	group.Go(func() error { return expect(t, http.MethodGet, url+"/nowhere", nil, http.StatusNotFound) })
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	return ids
}

// expect sends a request that has a status, and whose answer names its id.
func expect(t *testing.T, method, url string, header map[string]string, status int) error {
	r, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		return err
	}
	for name, value := range header {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode != status {
		return fmt.Errorf("%s %s: %s, want %d: %s", method, url, answer.Status, status, bytes.TrimSpace(body))
	}
	got, want := answer.Header.Get("X-Request-Id"), header["X-Request-Id"]
	if got == "" || want != "" && got != want {
		return fmt.Errorf("%s %s: the id of the request is %q, want %q", method, url, got, want)
	}
	return nil
}

// impliedEvents returns the events and the bad events of each objective in examplesConfig, by slo and service.
func impliedEvents() (events, bad map[string]float64) {
	events = map[string]float64{"video-ingestion-availability video-ingestion": 1} // The page that is not there.
	bad = map[string]float64{}
	for _, r := range exampleRequests {
		spans := spansOf(r.fault)
		event := func(objective, span string, isBad bool) {
			if _, ok := spans[span]; !ok {
				return
			}
			events[objective] += float64(r.times)
			if isBad {
				bad[objective] += float64(r.times)
			} else {
				bad[objective] += 0
			}
		}
		event("video-ingestion-availability video-ingestion", gatewaySpan, spans[gatewaySpan] != "")
		event("video-upload video-ingestion", uploadSpan, spans[uploadSpan] != "")
		event("video-processing/"+r.plan+" video-ingestion", processSpan, spans[processSpan] != "" || r.fault == "slow")
		event("ml-pipeline-availability ml-pipeline", pipelineSpan, spans[pipelineSpan] != "")
		event("ml-inference-success ml-pipeline", inferenceSpan, spans[inferenceSpan] != "")
		event("ml-inference-latency ml-pipeline", inferenceSpan, r.fault == "slow")
	}
	return events, bad
}

// holdTraces reports spans that hang otherwise together than their requests imply. Each trace is told by its spans, in
// order, and each span by what it is and whose child it is.
func holdTraces(t *testing.T, stored []storedSpan) {
	t.Helper()
	tell := func(links []string) string {
		slices.Sort(links)
		return strings.Join(links, "\n")
	}
	want := map[string]int{"video-ingestion GET server < ": 1}
	for _, r := range exampleRequests {
		var links []string
		for span := range spansOf(r.fault) {
			links = append(links, span+" < "+spanParents[span])
		}
		want[tell(links)] += r.times
	}
	byID := map[string]storedSpan{}
	for _, s := range stored {
		byID[s.trace+s.id] = s
	}
	traces := map[string][]string{}
	for _, s := range stored {
		parent := s.parent
		if parent != "" {
			// A parent that is not in the trace is told by its number, which no request implies.
			if p, ok := byID[s.trace+parent]; ok {
				parent = p.what
			}
		}
		traces[s.trace] = append(traces[s.trace], s.what+" < "+parent)
	}
	got := map[string]int{}
	for _, links := range traces {
		got[tell(links)]++
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("traces (-want +got):\n%s", diff)
	}
}

// holdRequestIDs reports the spans in both services that do not have the ids of the requests which reach them.
func holdRequestIDs(t *testing.T, stored []storedSpan, ids map[string][]string) {
	t.Helper()
	for _, span := range []string{gatewaySpan, processSpan, pipelineSpan, inferenceSpan} {
		var want, got []string
		for fault, sent := range ids {
			if _, reached := spansOf(fault)[span]; reached {
				want = append(want, sent...)
			}
		}
		for _, s := range stored {
			if s.what == span {
				got = append(got, s.tags["request.id"])
			}
		}
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("ids of requests on %s (-want +got):\n%s", span, diff)
		}
	}
}
