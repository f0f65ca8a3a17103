package main

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kingpin/v2"
	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"github.com/rs/zerolog"
	"gopkg.in/yaml.v3"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/report/press"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
	"github.com/traceslo/traceslo/source/jaeger"
)

func TestReadmeHasEveryMetric(t *testing.T) {
	got := map[string]string{}
	var others []string
	for _, row := range rows(t, "## Metrics") {
		names := codes(row[0])
		if strings.HasSuffix(names[0], "*") {
			others = append(others, names...)
			continue
		}
		labels := codes(row[2])
		slices.Sort(labels)
		got[names[0]] = row[1] + " " + strings.Join(labels, " ")
	}
	want := map[string]string{}
	used := map[string]bool{}
	for name, family := range exposedFamilies(t) {
		other := slices.IndexFunc(others, func(o string) bool { return strings.HasPrefix(name, strings.TrimSuffix(o, "*")) })
		if other >= 0 {
			used[others[other]] = true
			continue
		}
		want[name] = strings.ToLower(family.GetType().String()) + " " + strings.Join(slices.Sorted(maps.Keys(labelsOf(family))), " ")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-exposed +README\n%s", diff)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(others)), slices.Sorted(maps.Keys(used))); diff != "" {
		t.Errorf("-README +exposed\n%s", diff)
	}
}

func TestReadmeHasEveryWordOfClosedLabels(t *testing.T) {
	families := exposedFamilies(t)
	compare := func(what, metric, label string, got []string) {
		t.Helper()
		if diff := cmp.Diff(slices.Sorted(maps.Keys(labelsOf(families[metric])[label])), slices.Sorted(slices.Values(got))); diff != "" {
			t.Errorf("%s: -exposed +README\n%s", what, diff)
		}
	}
	for _, row := range rows(t, "### Values of closed labels") {
		metric, label := codes(row[0])[0], codes(row[1])[0]
		compare(metric, metric, label, codes(row[2]))
	}
	compare("errors", "traceslo_source_errors_total", "kind", firsts(t, "### Errors by kind"))
	compare("documents", "traceslo_source_unreadable_documents_total", "reason", firsts(t, "### Unreadable documents by reason"))
	compare("reports", "traceslo_report_failures_total", "reason", firsts(t, "### Failures of reports by reason"))
	compare("indices", "traceslo_source_indices", "state", firsts(t, "### Indices by state"))

	// The tables stand in the order of the code, by which the kinds are sorted.
	var kinds []string
	for _, kind := range source.ErrorKinds {
		kinds = append(kinds, string(kind))
	}
	if diff := cmp.Diff(kinds, firsts(t, "### Errors by kind")); diff != "" {
		t.Errorf("-code +README\n%s", diff)
	}
	if diff := cmp.Diff(jaeger.Reasons, firsts(t, "### Unreadable documents by reason")); diff != "" {
		t.Errorf("-code +README\n%s", diff)
	}
}

// exposedFamilies returns what a daemon serves that has counted a failed span,
// which is an event of an objective.
func exposedFamilies(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	store, err := openState(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	d := newDaemon(zerolog.Nop(), elastic.Operations(), source.Member{})
	d.store = store
	d.added.Expect("1/2")
	cfg := fast()
	cfg.objectives = []slo.Objective{objectiveOf("api")}
	cfg.Reports = []press.Config{{Name: "weekly"}}
	p, err := d.newPipeline(cfg, &input{})
	if err != nil {
		t.Fatal(err)
	}
	failed := span(1)
	failed.Failed, failed.ErrorType = true, "timeout"
	p.recorder.Count(0, []source.Span{failed})
	ended := time.UnixMicro(failed.End()).Add(time.Minute)
	step := source.Step{Now: ended, Watermark: ended, Save: func(*state.Tx) error { return nil }}
	if err := (counter{p.recorder, p.ledger, store}).Commit(step); err != nil {
		t.Fatal(err)
	}

	answer := httptest.NewRecorder()
	d.server().Handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return families
}

// labelsOf returns the labels of a family with their values.
func labelsOf(family *dto.MetricFamily) map[string]map[string]bool {
	labels := map[string]map[string]bool{}
	for _, m := range family.GetMetric() {
		for _, l := range m.GetLabel() {
			if labels[l.GetName()] == nil {
				labels[l.GetName()] = map[string]bool{}
			}
			labels[l.GetName()][l.GetValue()] = true
		}
	}
	return labels
}

func TestReadmeHasEveryEndpoint(t *testing.T) {
	var want []string
	d := newDaemon(zerolog.Nop(), nil, source.Member{})
	for _, r := range d.routes(d.web()) {
		want = append(want, strings.TrimSuffix(r.Pattern, "{$}"))
	}
	got := firsts(t, "## Endpoints")
	slices.Sort(want)
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-served +README\n%s", diff)
	}
}

func TestReadmeHasEveryCommandAndFlag(t *testing.T) {
	commands := commandModels()
	var described []string
	for _, command := range firsts(t, "## Commands and flags") {
		described = append(described, strings.TrimPrefix(command, "traceslo "))
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(commands)), slices.Sorted(slices.Values(described))); diff != "" {
		t.Errorf("-commands +README\n%s", diff)
	}
	for name, command := range commands {
		want := map[string]string{}
		for _, flag := range command.Flags {
			if !flag.Hidden {
				want["--"+flag.Name] = strings.Join(flag.Default, " ")
			}
		}
		if len(want) == 0 {
			continue
		}
		got := map[string]string{}
		for _, row := range rows(t, "### `traceslo "+name+"`") {
			got[codes(row[0])[0]] = strings.Join(codes(row[1]), " ")
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("traceslo %s: -flags +README\n%s", name, diff)
		}
	}
}

// commandModels returns what kingpin knows of each command that can be run.
func commandModels() map[string]*kingpin.CmdModel {
	app := kingpin.New("traceslo", "")
	for _, add := range []func(*kingpin.Application, map[string]command){addServe, addDemo, addStatus, addCheck, addRules, addDashboards, addReport, addCount, addState, addVersion} {
		add(app, map[string]command{})
	}
	models := map[string]*kingpin.CmdModel{}
	var walk func([]*kingpin.CmdModel)
	walk = func(commands []*kingpin.CmdModel) {
		for _, c := range commands {
			if walk(c.Commands); len(c.Commands) == 0 {
				models[c.FullCommand] = c
			}
		}
	}
	walk(app.Model().Commands)
	return models
}

// TestEveryCommandIsLookedAt holds the list in commandModels to what the
// program offers.
func TestEveryCommandIsLookedAt(t *testing.T) {
	out, err := exec.Command("traceslo", "--completion-bash", "").Output()
	if err != nil {
		t.Fatal(err)
	}
	top := map[string]bool{"help": true}
	for name := range commandModels() {
		first, _, _ := strings.Cut(name, " ")
		top[first] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(top)), slices.Sorted(slices.Values(strings.Fields(string(out))))); diff != "" {
		t.Errorf("-looked at +offered\n%s", diff)
	}
}

func TestReadmeHasEveryKeyAndItsDefault(t *testing.T) {
	l := builtIn("", nil)
	text, err := l.document.Render(&l.settings)
	if err != nil {
		t.Fatal(err)
	}
	var file yaml.Node
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	want := defaultsOfNode(t, file.Content[0], "")
	got := map[string]any{}
	var order []string
	for _, row := range rows(t, "## Configuration") {
		key := codes(row[0])[0]
		var value any
		if err := yaml.Unmarshal([]byte(codes(row[1])[0]), &value); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		got[key], order = value, append(order, key)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-defaults +README\n%s", diff)
	}
	keys := slices.DeleteFunc(keysOfNode(file.Content[0], ""), func(key string) bool { _, leaf := want[key]; return !leaf })
	if diff := cmp.Diff(keys, order); diff != "" {
		t.Errorf("-order of the keys +README\n%s", diff)
	}
}

// defaultsOfNode returns the value of every key that holds no further ones.
func defaultsOfNode(t *testing.T, n *yaml.Node, path string) map[string]any {
	t.Helper()
	values := map[string]any{}
	for i := 0; i < len(n.Content); i += 2 {
		key, value := path+n.Content[i].Value, n.Content[i+1]
		if value.Kind == yaml.MappingNode && len(value.Content) > 0 {
			maps.Copy(values, defaultsOfNode(t, value, key+"."))
			continue
		}
		var v any
		if err := value.Decode(&v); err != nil {
			t.Fatalf("%s: %v", key, err)
		}
		values[key] = v
	}
	return values
}

// openSearchActions are what each request to a cluster needs in OpenSearch's words.
var openSearchActions = map[string]string{
	"stats": "indices:monitor/stats", "writes": "indices:monitor/stats", "settings": "indices:monitor/settings/get", "refresh": "indices:admin/refresh*",
	"search": "indices:data/read/search", "lean_search": "indices:data/read/search", "count": "indices:data/read/msearch",
	"info": "cluster:monitor/state", "clock": "cluster:monitor/nodes/stats",
}

// TestEachRequestIsInTheRoleOfOpenSearch holds that the role has an action for
// every request, and on the cluster what OpenSearch looks for there.
func TestEachRequestIsInTheRoleOfOpenSearch(t *testing.T) {
	var role struct {
		Cluster []string `json:"cluster_permissions"`
		Indices []struct {
			Actions []string `json:"allowed_actions"`
		} `json:"index_permissions"`
	}
	if err := json.Unmarshal([]byte(read(t, "deploy/elasticsearch/role.opensearch.json")), &role); err != nil || len(role.Indices) != 1 {
		t.Fatalf("%v, %+v", err, role)
	}
	for _, operation := range elastic.Operations() {
		action, known := openSearchActions[operation]
		granted := role.Indices[0].Actions
		if strings.HasPrefix(action, "cluster:") || action == "indices:data/read/msearch" {
			granted = role.Cluster
		}
		if !known || !slices.Contains(granted, action) {
			t.Errorf("%s: %q is not among %q", operation, action, granted)
		}
	}
}

func TestReadmeRightsAreTheRole(t *testing.T) {
	role := string(elastic.Role(""))
	if got := blocks(read(t, "README.md"), "json"); len(got) != 1 || got[0]+"\n" != role {
		t.Errorf("the JSON in README is not the role:\n%s", cmp.Diff([]string{role}, got))
	}
	if diff := cmp.Diff(role, read(t, "deploy/elasticsearch/role.json")); diff != "" {
		t.Errorf("-code +role.json\n%s", diff)
	}
	var request struct {
		Roles map[string]json.RawMessage `json:"role_descriptors"`
	}
	if err := json.Unmarshal([]byte(read(t, "deploy/elasticsearch/api_key.json")), &request); err != nil {
		t.Fatal(err)
	}
	var of, key any
	if err := errors.Join(json.Unmarshal([]byte(role), &of), json.Unmarshal(request.Roles["traceslo"], &key)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(of, key); diff != "" || len(request.Roles) != 1 {
		t.Errorf("-role +api_key.json\n%s", diff)
	}
	var want struct {
		Cluster []string
		Indices []struct{ Privileges []string }
	}
	if err := yaml.Unmarshal([]byte(role), &want); err != nil {
		t.Fatal(err)
	}
	rights := map[string][]string{}
	for _, row := range rows(t, "## Rights") {
		rights[row[1]] = append(rights[row[1]], codes(row[0])...)
	}
	slices.Sort(rights["indices"])
	slices.Sort(want.Indices[0].Privileges)
	if diff := cmp.Diff(map[string][]string{"cluster": want.Cluster, "indices": want.Indices[0].Privileges}, rights); diff != "" {
		t.Errorf("-role +README\n%s", diff)
	}
}
