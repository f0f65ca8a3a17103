package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/slo"
)

// An alert is one as Prometheus, Alertmanager or a notification tells of it.
type alert struct {
	Labels, Annotations map[string]string
	// State is Prometheus' word, Status that of a notification.
	State, Status string
}

// is holds if the alert has all the given labels.
func (a alert) is(pairs ...string) bool {
	for i := 0; i < len(pairs); i += 2 {
		if a.Labels[pairs[i]] != pairs[i+1] {
			return false
		}
	}
	return true
}

// A pager keeps what Alertmanager notifies it of, in order.
type pager struct {
	url string

	mu      sync.Mutex // guards notices
	notices []alert
}

func newPager(t *testing.T) *pager {
	p := &pager{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var message struct{ Alerts []alert }
		if err := json.NewDecoder(r.Body).Decode(&message); err != nil {
			t.Errorf("a notification: %v", err)
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.notices = append(p.notices, message.Alerts...)
	}))
	t.Cleanup(server.Close)
	p.url = server.URL
	return p
}

// heard returns the notifications of a status for alerts with the given labels.
func (p *pager) heard(status string, pairs ...string) []alert {
	p.mu.Lock()
	defer p.mu.Unlock()
	var found []alert
	for _, a := range p.notices {
		if a.Status == status && a.is(pairs...) {
			found = append(found, a)
		}
	}
	return found
}

// A monitoring is Prometheus with the generated rules, Alertmanager with the
// generated inhibition, and who is notified.
type monitoring struct {
	*testenv.Prometheus
	alertmanager *testenv.Alertmanager
	pager        *pager
}

// monitor starts all that watches the daemon of that configuration, which is scraped at target.
func monitor(t *testing.T, d *daemon, target string) *monitoring {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command(d.binary, "rules", "--config.file="+d.config, "--output.dir="+dir).CombinedOutput(); err != nil {
		t.Fatalf("rules: %v\n%s", err, out)
	}
	read := func(name string) string {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	m := &monitoring{pager: newPager(t)}
	m.alertmanager = testenv.StartAlertmanager(t, alertFile(t, "alertmanager.yml", map[string]string{"PAGER": m.pager.url})+read("alertmanager-inhibition.yaml"))
	config := shippedScrapeConfig(t, target, "")
	for shipped, ours := range map[string]string{"127.0.0.1:9093": m.alertmanager.Address, "{scrape_interval: 1s}": "{scrape_interval: 1s, evaluation_interval: 1s}"} {
		if strings.Count(config, shipped) != 1 {
			t.Fatalf("the shipped configuration does not have %s once", shipped)
		}
		config = strings.Replace(config, shipped, ours, 1)
	}
	// The shipped configuration looks for them there.
	rules := map[string]string{}
	for _, name := range []string{"traceslo-slos.yaml", "traceslo-platform.yaml"} {
		rules["rules/"+name] = read(name)
	}
	m.Prometheus = testenv.StartPrometheus(t, testenv.PrometheusOptions{Config: config, Files: rules})
	return m
}

// alertFile returns a file of testdata/alert with the values in place of ${NAME}.
func alertFile(t *testing.T, name string, values map[string]string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "alert", name))
	if err != nil {
		t.Fatal(err)
	}
	return os.Expand(string(text), func(name string) string { return values[name] })
}

// active returns the alerts with the given labels that are pending or fire.
func (m *monitoring) active(t *testing.T, pairs ...string) []alert {
	t.Helper()
	var answer struct{ Data struct{ Alerts []alert } }
	getJSON(t, m.URL+"/api/v1/alerts", &answer)
	return slices.DeleteFunc(answer.Data.Alerts, func(a alert) bool { return !a.is(pairs...) })
}

// inhibited returns how many of the alerts with the given labels another alert mutes.
func (m *monitoring) inhibited(t *testing.T, pairs ...string) int {
	t.Helper()
	var alerts []struct {
		alert
		Status struct{ InhibitedBy []string }
	}
	getJSON(t, m.alertmanager.URL+"/api/v2/alerts", &alerts)
	n := 0
	for _, a := range alerts {
		if a.is(pairs...) && len(a.Status.InhibitedBy) > 0 {
			n++
		}
	}
	return n
}

// fired returns, by name, slo and service, the alerts that ever fired.
func (m *monitoring) fired(t *testing.T) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(askPrometheus(t, m.Prometheus, `count_over_time(ALERTS{alertstate="firing"}[1h])`, "alertname", "slo", "service")))
}

// checkRules fails the test for each rule that Prometheus could not evaluate.
func (m *monitoring) checkRules(t *testing.T) {
	t.Helper()
	var answer struct {
		Data struct {
			Groups []struct {
				Rules []struct{ Name, Health, LastError string }
			}
		}
	}
	getJSON(t, m.URL+"/api/v1/rules", &answer)
	n := 0
	for _, group := range answer.Data.Groups {
		for _, rule := range group.Rules {
			n++
			if rule.Health != "ok" {
				t.Errorf("rule %s is %s: %s", rule.Name, rule.Health, rule.LastError)
			}
		}
	}
	if n == 0 {
		t.Error("Prometheus has no rules")
	}
}

// while lets the platform go on until check returns nil: about twenty times a
// second, api-gateway ends n requests, all of which fail during an outage, and
// each other service one.
func (p *platform) while(within time.Duration, n int, outage bool, check func() error) {
	p.t.Helper()
	testenv.Eventually(p.t, within, func() error {
		now := time.Now()
		spans := []stored{p.request("user-management", now, false), p.request("ml-pipeline", now, false)}
		for range n {
			spans = append(spans, p.request("api-gateway", now, outage))
		}
		return errors.Join(p.store(spans, nil), check())
	})
}

// TestAnOutagePagesAndItsEndResolves goes all the way, from stored spans to the
// pager, and then takes the store away.
func TestAnOutagePagesAndItsEndResolves(t *testing.T) {
	t.Parallel() // It waits more than it works.
	c := testenv.StartCluster(t, testenv.ClusterOptions{Flavor: testenv.Elasticsearch, Version: "8.19.7"})
	p := newPlatform(t, c, "footanalytics")
	now := time.Now()
	for service, n := range map[string]int{"api-gateway": 24_000, "user-management": 2_000, "ml-pipeline": 2_000} {
		p.spread(service, n, now.Add(-6*time.Hour), now, slo.Interval{})
	}
	d := newDaemon(t, alertFile(t, "outage.yaml", map[string]string{"CLUSTER": c.URL, "PREFIX": p.prefix}))
	d.start()
	d.settled(time.Minute)
	m := monitor(t, d, d.url)
	p.while(time.Minute, 1, false, func() error {
		if got, active := askPrometheus(t, m.Prometheus, "slo:window_events:sum", "slo"), m.active(t); len(got) != 3 || len(active) > 0 {
			return fmt.Errorf("recorded are %v; active: %v", got, active)
		}
		return nil
	})

	// The outage begins so hard that both tiers see it at once.
	broken := []string{"api-gateway-availability", "availability"}
	burst := make([]stored, 500)
	for i := range burst {
		burst[i] = p.request("api-gateway", time.Now(), true)
	}
	if err := p.store(burst, nil); err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	page := []string{"alertname", "SLOErrorBudgetBurn", "service", "api-gateway", "severity", "page", "tier", "3m"}
	ticket := []string{"alertname", "SLOErrorBudgetBurn", "service", "api-gateway", "severity", "ticket", "tier", "5m"}
	p.while(time.Minute, 1, true, func() error {
		muted, err := scrape(m.alertmanager.URL)
		if err != nil {
			return err
		}
		// Muted is what was due for a notification and was not notified of.
		n := sum(muted, "alertmanager_notifications_suppressed_total", "reason", "inhibition")
		if pages, tickets := len(m.pager.heard("firing", page...)), m.inhibited(t, ticket...); pages < 2 || tickets < 2 || n < 2 {
			return fmt.Errorf("%d pages, %d tickets inhibited, %v notifications muted; active: %v", pages, tickets, n, m.active(t))
		}
		return nil
	})
	t.Logf("paged after %v", time.Since(began).Round(100*time.Millisecond))
	for _, name := range broken {
		pages := m.pager.heard("firing", slices.Concat(page, []string{"slo", name})...)
		if len(pages) != 1 {
			t.Fatalf("%d pages of %s with all labels; heard: %v", len(pages), name, m.pager.heard("firing"))
		}
		checkPage(t, pages[0])
		tickets := m.active(t, slices.Concat(ticket, []string{"slo", name})...)
		if len(tickets) != 1 || tickets[0].State != "firing" {
			t.Errorf("tickets of %s in Prometheus: %v", name, tickets)
		}
	}
	if tickets := m.pager.heard("firing", "severity", "ticket"); len(tickets) > 0 {
		t.Errorf("the pager heard of tickets: %v", tickets)
	}

	ended := time.Now()
	p.while(2*time.Minute, 60, false, func() error {
		if pages, active := len(m.pager.heard("resolved", page...)), m.active(t); pages < 2 || len(active) > 0 {
			return fmt.Errorf("%d pages are resolved; active: %v", pages, active)
		}
		return nil
	})
	t.Logf("resolved after %v", time.Since(ended).Round(100*time.Millisecond))

	// Nobody can tell now whether requests fail.
	stopped := time.Now()
	c.Nodes()[0].Kill()
	testenv.Eventually(t, 3*time.Minute, func() error {
		if n := len(m.pager.heard("firing", "alertname", "SLOUnmeasured")); n < 5 {
			return fmt.Errorf("heard of %d unmeasured objectives; active: %v", n, m.active(t))
		}
		return nil
	})
	t.Logf("unmeasured %v after the store was gone", time.Since(stopped).Round(100*time.Millisecond))
	for _, a := range m.pager.heard("firing", "alertname", "SLOUnmeasured") {
		checkExpanded(t, a)
	}
	// The daemon's own alert speaks for all objectives then.
	testenv.Eventually(t, 3*time.Minute, func() error {
		if n, muted := len(m.pager.heard("firing", "alertname", "TracesloSourceStale")), m.inhibited(t, "alertname", "SLOUnmeasured"); n == 0 || muted < 5 {
			return fmt.Errorf("heard of %d stale sources, %d unmeasured objectives inhibited; active: %v", n, muted, m.active(t))
		}
		return nil
	})
	checkExpanded(t, m.pager.heard("firing", "alertname", "TracesloSourceStale")[0])
	since := fmt.Sprintf(`count_over_time(ALERTS{alertname=~"SLOErrorBudget.*"}[%ds])`, int(time.Since(stopped).Seconds()))
	if burning := askPrometheus(t, m.Prometheus, since, "alertname", "slo", "service", "alertstate"); len(burning) > 0 {
		t.Errorf("alerts of burning while nothing was measured: %v", burning)
	}

	want := []string{"TracesloSourceStale  "}
	for _, name := range broken {
		want = append(want, "SLOErrorBudgetBurn "+name+" api-gateway")
	}
	for _, id := range []string{"api-gateway-availability api-gateway", "availability api-gateway", "availability user-management",
		"availability ml-pipeline", "ml-inference-latency ml-pipeline"} {
		want = append(want, "SLOUnmeasured "+id)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, m.fired(t)); diff != "" {
		t.Errorf("alerts that fired (-want +got):\n%s", diff)
	}
	m.checkRules(t)
}

// checkPage looks at what a page tells.
func checkPage(t *testing.T, a alert) {
	t.Helper()
	checkExpanded(t, a)
	name := a.Labels["slo"]
	for key, pattern := range map[string]string{
		"summary": "^api-gateway: " + name + " burns its error budget at more than 10 times the rate that it allows$",
		"description": `(?m)^[\d.]+% of the events of the last 3m were bad: [1-9]\d* of [1-9]\d*\.\n` +
			`95% over 6h allows 5%: this is a burn rate of 1\d\.?\d*\.\n` +
			`At a burn rate of 10, 3m spends 8\.33% of the budget, and 36m all of it\.\nOf the budget, [\d.]+% is left\.$`,
		"status_url":  `^https://traceslo\.example\.com/slo/` + name,
		"traces_url":  `^https://jaeger\.example\.com/search\?service=api-gateway&tags=%7B%22error%22%3A%22true%22%7D&.*&start=\d{16}&end=\d{16}$`,
		"runbook_url": "^https://wiki\\.example\\.com/api-gateway/" + name + "$",
	} {
		if text := a.Annotations[key]; !regexp.MustCompile(pattern).MatchString(text) {
			t.Errorf("%s of %s:\n%s\ndoes not match\n%s", key, name, text, pattern)
		}
	}
}

// checkExpanded fails the test if a template was not expanded, or had nothing to say.
func checkExpanded(t *testing.T, a alert) {
	t.Helper()
	if a.Annotations["summary"] == "" || a.Annotations["description"] == "" {
		t.Errorf("%v says nothing", a)
	}
	for _, table := range []map[string]string{a.Labels, a.Annotations} {
		for key, text := range table {
			if regexp.MustCompile(`<no value>|<error|\{\{|\}\}|NaN|(^|\s)\?`).MatchString(text) {
				t.Errorf("%s of %s: %s", key, a.Labels["alertname"], text)
			}
		}
	}
}
