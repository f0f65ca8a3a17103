package deploy_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/testenv"
)

// TestComposeRuns starts the services in their order until the spans of all have gone all the way. Only Grafana cannot be
// had here.
func TestComposeRuns(t *testing.T) {
	testenv.Live(t)
	p := project(t)
	s := newStandIn(t, p)
	ran := map[string]bool{"grafana": true}
	start := map[string]func(){
		"elasticsearch":   s.elasticsearch,
		"jaeger":          func() { s.starts("jaeger", program(t, "jaeger"), 13133, "/status") },
		"hotrod":          s.hotrod,
		"hotrod-load":     func() { s.start("hotrod-load", testenv.Command{Path: "/usr/bin/env"}) },
		"ml-pipeline":     s.mlPipeline,
		"video-ingestion": s.videoIngestion,
		"video-load":      s.videoLoad,
		"traceslo":        s.daemon,
		"rules":           func() { s.runs("rules") },
		"dashboards":      func() { s.runs("dashboards") },
		"prometheus": func() {
			s.starts("prometheus", program(t, "prometheus"), 9090, "/-/ready", s.listen("prometheus", 9090))
		},
		"alertmanager": func() {
			s.starts("alertmanager", program(t, "alertmanager"), 9093, "/-/ready", s.listen("alertmanager", 9093))
		},
	}
	for len(ran) < len(start)+1 {
		before := len(ran)
		for _, name := range p.ServiceNames() {
			waits := slices.ContainsFunc(p.Services[name].GetDependencies(), func(d string) bool { return !ran[d] })
			if start[name] != nil && !ran[name] && !waits {
				start[name]()
				ran[name] = true
			}
		}
		if len(ran) == before {
			t.Fatalf("only %v can be started", ran)
		}
	}
	for name, service := range p.Services {
		if !ran[name] {
			t.Errorf("nobody stands in for %s, whose image is %s", name, service.Image)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "volumes/boards", filepath.Base(*p.Services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]))); err != nil {
		t.Error(err)
	}

	var objectives []string
	for _, o := range documents(t, read(t, composeConfig))[0]["slos"].([]any) {
		objectives = append(objectives, at(o, "name").(string))
	}
	for what, query := range map[string]string{
		"spans of each service":       `count(count by (service) (jaeger_traces_total{service=~"frontend|customer|driver|route|redis-manual|mysql|video-ingestion|ml-pipeline"} > 0)) == 8`,
		"native histograms":           `sum(histogram_count(jaeger_trace_duration_seconds)) > 0`,
		"classic histograms":          `sum(jaeger_trace_duration_seconds_bucket{le="+Inf"}) > 0`,
		"events of each objective":    fmt.Sprintf(`count(count by (objective) (slo:period_error_budget_remaining:ratio{objective=~%q})) == %d`, strings.Join(objectives, "|"), len(objectives)),
		"no alert on traceslo itself": `absent(ALERTS{alertname=~"Traceslo.*", alertstate="firing"})`,
	} {
		s.eventually(t, what, func() error {
			var answer struct{ Result []any }
			return s.ask(&answer, "query", url.Values{"query": {query}}, func() bool { return len(answer.Result) > 0 })
		})
	}
	s.eventually(t, "exemplars", func() error {
		var answer []any
		now := time.Now()
		return s.ask(&answer, "query_exemplars", url.Values{
			"query": {"jaeger_trace_duration_seconds_bucket"}, "start": {seconds(now.Add(-time.Hour))}, "end": {seconds(now.Add(time.Hour))},
		}, func() bool { return len(answer) > 0 })
	})
	s.eventually(t, "rules that are evaluated without an error", func() error {
		var answer struct {
			Groups []struct {
				Name  string
				Rules []struct{ Name, Health, LastError string }
			}
		}
		return s.ask(&answer, "rules", nil, func() bool {
			for _, group := range answer.Groups {
				for _, rule := range group.Rules {
					if rule.LastError != "" {
						t.Fatalf("%s: %s: %s", group.Name, rule.Name, rule.LastError)
					}
					if rule.Health != "ok" {
						return false
					}
				}
			}
			return len(answer.Groups) == len(objectives)+2 // Those of the platform and of its health.
		})
	})
	s.eventually(t, "Alertmanager found", func() error {
		var answer struct{ ActiveAlertmanagers []struct{ URL string } }
		return s.ask(&answer, "alertmanagers", nil, func() bool {
			return len(answer.ActiveAlertmanagers) == 1 && strings.HasPrefix(answer.ActiveAlertmanagers[0].URL, s.url("alertmanager", 9093)+"/")
		})
	})
}

func (s *standIn) eventually(t *testing.T, what string, f func() error) {
	t.Helper()
	testenv.Eventually(t, 3*time.Minute, func() error {
		if err := f(); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		return nil
	})
}

// ask asks Prometheus until what it answers will do.
func (s *standIn) ask(answer any, endpoint string, values url.Values, enough func() bool) error {
	body, err := get(s.t, s.url("prometheus", 9090)+"/api/v1/"+endpoint+"?"+values.Encode())
	if err != nil {
		return err
	}
	envelope := struct{ Data any }{answer}
	if err := json.Unmarshal(body, &envelope); err != nil {
		return err
	}
	if !enough() {
		return fmt.Errorf("got %s", body)
	}
	return nil
}

func get(t *testing.T, address string) ([]byte, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", address, response.Status, body)
	}
	return body, nil
}

func seconds(at time.Time) string { return strconv.FormatInt(at.Unix(), 10) }
