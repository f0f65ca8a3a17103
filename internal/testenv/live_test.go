package testenv_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/testenv"
)

func TestSharedClustersHoldWhatIsWritten(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		index := c.Prefix(t) + "-docs"
		c.Do(t, "PUT", "/"+index, `{"settings":{"number_of_shards":2,"number_of_replicas":0}}`)
		c.Do(t, "POST", "/"+index+"/_bulk?refresh=true", "{\"index\":{}}\n{\"a\":1}\n{\"index\":{}}\n{\"a\":2}\n")
		if got := count(t, c, index); got != 2 {
			t.Errorf("%d documents, want 2", got)
		}
	})
}

func TestPrefixIsEmptiedWhenTheTestEnds(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		var prefix string
		t.Run("writes", func(t *testing.T) {
			prefix = c.Prefix(t)
			c.Do(t, "PUT", "/"+prefix+"-a", "")
		})
		if got := string(c.Do(t, "GET", "/_cat/indices/"+prefix+"*?h=index", "")); got != "" {
			t.Errorf("%q is left", got)
		}
	})
}

func TestClusterOfThreeSurvivesAKilledNode(t *testing.T) {
	c := testenv.StartCluster(t, testenv.ClusterOptions{Flavor: testenv.Elasticsearch, Version: "8.15.0", Nodes: 3})
	c.Do(t, "PUT", "/x?wait_for_active_shards=2", `{"settings":{"number_of_shards":3,"number_of_replicas":1}}`)
	c.Do(t, "POST", "/x/_doc?refresh=true", `{"a":1}`)
	killed := c.Nodes()[1]
	killed.Kill()
	c.Do(t, "GET", "/_cluster/health?wait_for_nodes=2&wait_for_status=yellow&timeout=60s", "")
	if got := count(t, c, "x"); got != 1 {
		t.Errorf("%d documents after the kill, want 1", got)
	}
	c.Restart(t, killed)
	c.Do(t, "GET", "/_cluster/health?wait_for_nodes=3&wait_for_status=green&timeout=60s", "")
}

func TestSecureClusterAsksForALogin(t *testing.T) {
	c := testenv.StartCluster(t, testenv.ClusterOptions{Flavor: testenv.Elasticsearch, Version: "8.19.7", Security: true})
	r, err := c.Client(t).Get(c.URL + "/_nodes/_local")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Body.Close(); err != nil {
		t.Fatal(err)
	}
	if r.StatusCode != http.StatusUnauthorized {
		t.Errorf("without a login: %s, want 401", r.Status)
	}
	c.Do(t, "PUT", "/_security/role/reader", `{"cluster":["monitor"],"indices":[{"names":["*"],"privileges":["read"]}]}`)
	c.Do(t, "PUT", "/_security/user/reader", `{"password":"not a secret","roles":["reader"]}`)
	c.Do(t, "POST", "/_security/api_key", `{"name":"k"}`)

	prefix := c.Prefix(t)
	v1 := testenv.StartJaegerV1(t, testenv.JaegerOptions{Cluster: c, IndexPrefix: prefix})
	ride(t, c, v1, prefix)
	v2 := testenv.StartJaegerV2(t, testenv.JaegerOptions{Cluster: c, IndexPrefix: prefix + "2"})
	ride(t, c, v2, prefix+"2")
}

func TestStoppedClusterKeepsItsData(t *testing.T) {
	o := testenv.ClusterOptions{Flavor: testenv.OpenSearch, Version: "2.19.0", DataDir: testenv.OpenDir(t)}
	c := testenv.StartCluster(t, o)
	c.Do(t, "POST", "/x/_doc?refresh=true", `{"a":1}`)
	node := c.Nodes()[0]
	node.Stop(t)
	c.Restart(t, node)
	c.Do(t, "GET", "/_cluster/health/x?wait_for_status=yellow&timeout=60s", "")
	if got := count(t, c, "x"); got != 1 {
		t.Errorf("%d documents, want 1", got)
	}
}

func TestJaegerV1StoresSpansOfHotROD(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		prefix := c.Prefix(t)
		ride(t, c, testenv.StartJaegerV1(t, testenv.JaegerOptions{Cluster: c, IndexPrefix: prefix}), prefix)
	})
}

func TestJaegerV2StoresSpansOfHotROD(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		prefix := c.Prefix(t)
		j := testenv.StartJaegerV2(t, testenv.JaegerOptions{Cluster: c, IndexPrefix: prefix, SpanMetrics: true})
		ride(t, c, j, prefix)
		testenv.Eventually(t, 20*time.Second, func() error {
			if b := get(t, j.SpanMetrics); !strings.Contains(b, `service_name="frontend"`) {
				return fmt.Errorf("no metrics of frontend in %q", b)
			}
			return nil
		})
	})
}

func TestPrometheusEvaluatesARule(t *testing.T) {
	rules := map[string]string{"rules.yml": "groups: [{name: g, interval: 1s, rules: [{record: answer, expr: vector(42)}]}]\n"}
	if out, err := testenv.Promtool(t, rules, "check", "rules", "rules.yml"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := testenv.StartPrometheus(t, testenv.PrometheusOptions{
		Config: "global: {scrape_interval: 1s}\nrule_files: [rules.yml]\n",
		Files:  rules,
	})
	testenv.Eventually(t, 20*time.Second, func() error {
		if b := get(t, p.URL+"/api/v1/query?query=answer"); !strings.Contains(b, `"42"`) {
			return fmt.Errorf("no 42 in %s", b)
		}
		return nil
	})
}

func TestAlertmanagerTellsAReceiverWhatPrometheusFires(t *testing.T) {
	heard := make(chan string, 16)
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		select {
		case heard <- string(b):
		default: // Told again; the first time is enough.
		}
	}))
	defer receiver.Close()
	config := "route: {receiver: test, group_wait: 0s}\nreceivers: [{name: test, webhook_configs: [{url: " + receiver.URL + "}]}]\n"
	if out, err := testenv.Amtool(t, map[string]string{"alertmanager.yml": config}, "check-config", "alertmanager.yml"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	a := testenv.StartAlertmanager(t, config)
	testenv.StartPrometheus(t, testenv.PrometheusOptions{
		Config: "rule_files: [rules.yml]\nalerting: {alertmanagers: [{static_configs: [{targets: [\"" + a.Address + "\"]}]}]}\n",
		Files:  map[string]string{"rules.yml": "groups: [{name: g, interval: 1s, rules: [{alert: Fire, expr: vector(1)}]}]\n"},
	})
	select {
	case got := <-heard:
		if !strings.Contains(got, `"alertname":"Fire"`) {
			t.Errorf("the receiver heard %s", got)
		}
	case <-time.After(30 * time.Second):
		t.Errorf("the receiver heard nothing; Alertmanager has %s", get(t, a.URL+"/api/v2/alerts"))
	}
}

func TestAlertmanagerHearsAChangedConfiguration(t *testing.T) {
	const before, after = "route: {receiver: before}\nreceivers: [{name: before}]\n", "route: {receiver: after}\nreceivers: [{name: after}]\n"
	a := testenv.StartAlertmanager(t, before)
	if got := get(t, a.URL+"/api/v2/receivers"); !strings.Contains(got, "before") {
		t.Fatalf("the receivers are %s", got)
	}
	if err := os.WriteFile(filepath.Join(a.Dir, "alertmanager.yml"), []byte(after), 0o600); err != nil {
		t.Fatal(err)
	}
	a.Reload(t)
	testenv.Eventually(t, 20*time.Second, func() error {
		if got := get(t, a.URL+"/api/v2/receivers"); !strings.Contains(got, "after") {
			return fmt.Errorf("the receivers are %s", got)
		}
		return nil
	})
}

func TestAmtoolRefusesAWrongConfiguration(t *testing.T) {
	if out, err := testenv.Amtool(t, map[string]string{"a.yml": "route: {receiver: none}\n"}, "check-config", "a.yml"); err == nil {
		t.Errorf("accepted a receiver that is not there: %s", out)
	}
}

func TestSlothMakesRulesThatPromtoolAccepts(t *testing.T) {
	const spec = `version: prometheus/v1
service: checkout
slos:
  - name: availability
    objective: 99.9
    sli:
      events:
        error_query: sum(rate(errors_total[{{.window}}]))
        total_query: sum(rate(requests_total[{{.window}}]))
    alerting:
      name: CheckoutErrors
      page_alert: {}
      ticket_alert: {}
`
	rules, err := testenv.Sloth(t, map[string]string{"spec.yml": spec}, "generate", "-i", "spec.yml")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(rules, "record: slo:sli_error:ratio_rate5m") {
		t.Errorf("no ratio over 5m in\n%s", rules)
	}
	if out, err := testenv.Promtool(t, map[string]string{"rules.yml": rules}, "check", "rules", "rules.yml"); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestBinaryBuildsACommandOfThisModule(t *testing.T) {
	path := testenv.Binary(t, "./internal/testenv/cmd")
	p := testenv.StartProcess(t, testenv.Command{Path: path})
	if got := p.ExitCode(); got != 2 || !strings.Contains(p.Stderr(), "say test, serve") {
		t.Errorf("exit code %d, wrote %q", got, p.Stderr())
	}
}

// ride has HotROD make spans and waits until Jaeger has stored them all and its query API shows them.
func ride(t *testing.T, c *testenv.Cluster, j *testenv.Jaeger, prefix string) {
	t.Helper()
	h := testenv.StartHotROD(t, testenv.HotRODOptions{OTLPHTTP: j.OTLPHTTP, Args: []string{"--fix-db-query-delay=10ms"}})
	h.Dispatch(t, 123)
	testenv.Eventually(t, 60*time.Second, func() error {
		index := prefix + "-jaeger-span-*"
		if _, err := c.Try(t, "POST", "/"+index+"/_refresh", ""); err != nil {
			return err
		}
		got, err := tryCount(t, c, index)
		if err == nil && got < 39 {
			err = fmt.Errorf("%d spans stored, want 39 or 40", got)
		}
		return err
	})
	testenv.Eventually(t, 20*time.Second, func() error {
		b := get(t, j.Query+"/api/traces?"+url.Values{"service": {"frontend"}}.Encode())
		var answer struct {
			Data []struct{ Spans []json.RawMessage }
		}
		if err := json.Unmarshal([]byte(b), &answer); err != nil {
			return fmt.Errorf("%w: %s", err, b)
		}
		for _, trace := range answer.Data {
			if len(trace.Spans) >= 39 {
				return nil
			}
		}
		return fmt.Errorf("no trace of 39 spans in %.300s", b)
	})
}

func count(t *testing.T, c *testenv.Cluster, index string) int {
	t.Helper()
	n, err := tryCount(t, c, index)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func tryCount(t *testing.T, c *testenv.Cluster, index string) (int, error) {
	t.Helper()
	b, err := c.Try(t, "GET", "/"+index+"/_count", "")
	if err != nil {
		return 0, err
	}
	var answer struct{ Count int }
	err = json.Unmarshal(b, &answer)
	return answer.Count, err
}

func get(t *testing.T, url string) string {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Body.Close() }()
	b, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestNodeFindsItsPackagesFromACopy(t *testing.T) {
	dir := testenv.NodeProject(t, "deploy/examples/node")
	if err := os.WriteFile(filepath.Join(dir, "a.mjs"), []byte("import express from 'express';\nconsole.log(typeof express);\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p := testenv.StartProcess(t, testenv.Command{Path: "node", Args: []string{"a.mjs"}, Dir: dir})
	if err := p.Err(); err != nil || p.Stdout() != "function\n" {
		t.Errorf("%v; it wrote %q", err, p.Stdout())
	}
}

func TestPythonFindsItsPackages(t *testing.T) {
	p := testenv.StartProcess(t, testenv.Command{
		Path: testenv.Python(t, "deploy/examples/python"),
		Args: []string{"-c", "import flask, sys; print(sys.prefix != sys.base_prefix)"},
		Dir:  testenv.PythonProject(t, "deploy/examples/python"),
	})
	if err := p.Err(); err != nil || p.Stdout() != "True\n" {
		t.Errorf("%v; it wrote %q", err, p.Stdout())
	}
}
