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

// program returns the path of a program that the cache holds.
func program(t *testing.T, name string) string {
	t.Helper()
	path, err := testenv.Tool(t.Context(), t.Logf, name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestComposeRuns starts the services in their order until what HotROD does has gone all the way. Grafana cannot be had
// here, and the examples have tests of their own.
func TestComposeRuns(t *testing.T) {
	testenv.Live(t)
	p := project(t)
	s := newStandIn(t, p)
	ran := map[string]bool{"grafana": true}
	start := map[string]func(){
		"elasticsearch": s.elasticsearch,
		"jaeger": func() {
			s.start("jaeger", program(t, "jaeger")).WaitHTTP(t, s.url("jaeger", 13133)+"/status", time.Minute)
		},
		"hotrod": func() {
			var ports []string
			for i, service := range []string{"frontend", "customer", "driver", "route"} {
				ports = append(ports, fmt.Sprintf("--%s-service-port=%d", service, s.port("hotrod", 8080+i)), "--"+service+"-service-hostname=127.0.0.1")
			}
			s.start("hotrod", program(t, "hotrod"), ports...).WaitHTTP(t, s.url("hotrod", 8080), time.Minute)
		},
		"hotrod-load": func() {
			s.start("hotrod-load", "/usr/bin/env")
		},
		"traceslo": func() {
			s.start("traceslo", testenv.Binary(t, "./cmd/traceslo"), "--web.listen-address="+s.address("traceslo", 9924)).
				WaitHTTP(t, s.url("traceslo", 9924)+"/-/ready", time.Minute)
		},
		"rules":      func() { s.runs("rules") },
		"dashboards": func() { s.runs("dashboards") },
		"prometheus": func() {
			s.start("prometheus", program(t, "prometheus"), "--web.listen-address="+s.address("prometheus", 9090)).
				WaitHTTP(t, s.url("prometheus", 9090)+"/-/ready", time.Minute)
		},
		"alertmanager": func() {
			s.start("alertmanager", program(t, "alertmanager"), "--web.listen-address="+s.address("alertmanager", 9093)).
				WaitHTTP(t, s.url("alertmanager", 9093)+"/-/ready", time.Minute)
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
		if !ran[name] && service.Build == nil {
			t.Errorf("nobody stands in for %s", name)
		}
	}
	if _, err := os.Stat(filepath.Join(s.dir, "volumes/boards", filepath.Base(*p.Services["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]))); err != nil {
		t.Error(err)
	}

	for what, query := range map[string]string{
		"spans of each service of HotROD": `count(count by (service) (jaeger_traces_total{service=~"frontend|customer|driver|route|redis-manual|mysql"} > 0)) == 6`,
		"native histograms":               `sum(histogram_count(jaeger_trace_duration_seconds)) > 0`,
		"classic histograms":              `sum(jaeger_trace_duration_seconds_bucket{le="+Inf"}) > 0`,
		"events of each objective":        `count(count by (objective) (slo:period_error_budget_remaining:ratio{objective=~"availability|ride-ordered|route-calculated"})) == 3`,
		"no alert on traceslo itself":     `absent(ALERTS{alertname=~"Traceslo.*", alertstate="firing"})`,
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
			return len(answer.Groups) == 5
		})
	})
	s.eventually(t, "Alertmanager found", func() error {
		var answer struct{ ActiveAlertmanagers []struct{ URL string } }
		return s.ask(&answer, "alertmanagers", nil, func() bool {
			return len(answer.ActiveAlertmanagers) == 1 && strings.HasPrefix(answer.ActiveAlertmanagers[0].URL, s.url("alertmanager", 9093)+"/")
		})
	})
}

// elasticsearch starts a cluster with the settings that compose gives it, and asks for its health as compose does.
func (s *standIn) elasticsearch() {
	s.t.Helper()
	service := s.project.Services["elasticsearch"]
	settings := map[string]string{}
	for name, value := range service.Environment {
		if strings.Contains(name, ".") {
			settings[name] = *value
		}
	}
	_, version, _ := strings.Cut(service.Image, ":")
	cluster := testenv.StartCluster(s.t, testenv.ClusterOptions{Flavor: testenv.Elasticsearch, Version: version, Settings: settings})
	at, err := url.Parse(cluster.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	port, err := strconv.Atoi(at.Port())
	if err != nil {
		s.t.Fatal(err)
	}
	s.ports["elasticsearch"] = map[int]int{9200: port}
	probe := service.HealthCheck.Test[len(service.HealthCheck.Test)-1]
	s.eventually(s.t, "health", func() error {
		_, err := get(s.t, strings.Replace(probe, "http://127.0.0.1:9200", cluster.URL, 1))
		return err
	})
}

// runs runs a service of the daemon's image to its end.
func (s *standIn) runs(name string) {
	s.t.Helper()
	if process := s.start(name, testenv.Binary(s.t, "./cmd/traceslo")); process.Err() != nil {
		s.t.Fatalf("%s: %v\n%s", name, process.Err(), process.Tail())
	}
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
