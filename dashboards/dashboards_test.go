package dashboards_test

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/traceslo/traceslo/dashboards"
	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/golden"
	"github.com/traceslo/traceslo/sli"
	"github.com/traceslo/traceslo/slo"
)

func TestMain(m *testing.M) {
	// So that the SDK knows the kinds of panels and queries that it reads.
	plugins.RegisterDefaultPlugins()
	os.Exit(m.Run())
}

// A sample is a configuration, as far as boards are made of it.
type sample struct {
	SLI          sli.Config        `yaml:"sli"`
	SLORetention time.Duration     `yaml:"slo_retention"`
	Alerting     slo.Alerting      `yaml:"alerting"`
	SLOs         []slo.Objective   `yaml:"slos"`
	Links        slo.Links         `yaml:"links"`
	Dashboards   dashboards.Config `yaml:"dashboards"`
}

// demo is what the demo runs with.
func demo(t *testing.T) sample {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "cmd", "traceslo", "demo.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := sample{SLI: sli.Default(), SLORetention: 400 * 24 * time.Hour, Alerting: slo.DefaultAlerting(), Dashboards: dashboards.Default()}
	for _, problem := range config.Parse("demo.yaml", text, os.LookupEnv, &s).Problems() {
		if problem.Path != "source" {
			t.Fatal(problem)
		}
	}
	s.SLOs = resolved(s.SLOs, s.Alerting)
	s.Links.Status = "https://traceslo.example.com/"
	return s
}

func resolved(objectives []slo.Objective, defaults slo.Alerting) []slo.Objective {
	var all []slo.Objective
	for _, o := range objectives {
		all = append(all, o.With(defaults))
	}
	return all
}

func render(t *testing.T, s sample, format dashboards.Format) map[string][]byte {
	t.Helper()
	files, err := dashboards.Render(s.SLOs, s.Links, s.Dashboards, format)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{}
	names := []string{}
	for _, f := range files {
		all[f.Name], names = f.Content, append(names, f.Name)
	}
	if !slices.IsSorted(names) || len(all) != 5 {
		t.Fatalf("got files %q, want five, sorted", names)
	}
	return all
}

// boards returns the boards of a sample as the SDK reads them.
func boards(t *testing.T, s sample) map[string]dashboard.Dashboard {
	t.Helper()
	all := map[string]dashboard.Dashboard{}
	for name, content := range render(t, s, dashboards.Grafana) {
		var d dashboard.Dashboard
		if err := json.Unmarshal(content, &d); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		all[strings.TrimSuffix(name, ".json")] = d
	}
	return all
}

// panels returns the panels of a board, without its rows.
func panels(d dashboard.Dashboard) []dashboard.Panel {
	var all []dashboard.Panel
	for _, p := range d.Panels {
		if p.Panel != nil {
			all = append(all, *p.Panel)
		}
	}
	return all
}

func TestGolden(t *testing.T) {
	s := demo(t)
	for name, content := range render(t, s, dashboards.Grafana) {
		golden.Check(t, filepath.Join("testdata", name), content)
	}
}

func TestBoardsDoNotDependOnOrder(t *testing.T) {
	s := demo(t)
	want := render(t, s, dashboards.Grafana)
	for seed := range uint64(20) {
		rand.New(rand.NewPCG(seed, 5)).Shuffle(len(s.SLOs), func(i, j int) { s.SLOs[i], s.SLOs[j] = s.SLOs[j], s.SLOs[i] })
		for name, content := range render(t, s, dashboards.Grafana) {
			if !bytes.Equal(content, want[name]) {
				t.Fatalf("seed %d: %s depends on the order of the objectives", seed, name)
			}
		}
	}
}

func TestUnknownFormatIsRefused(t *testing.T) {
	_, err := dashboards.Render(nil, slo.Links{}, dashboards.Default(), "yaml")
	const want = `boards as "yaml": no such format; choose one of ["grafana" "configmap" "grafana-operator"]`
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestUIDsStayWhatTheyAre(t *testing.T) {
	var uids []string
	for name, d := range boards(t, demo(t)) {
		if *d.Uid != name {
			t.Errorf("%s.json has the uid %s", name, *d.Uid)
		}
		uids = append(uids, *d.Uid)
	}
	slices.Sort(uids)
	if want := []string{"traceslo-overview", "traceslo-self", "traceslo-service", "traceslo-slo", "traceslo-slos"}; !slices.Equal(uids, want) {
		t.Errorf("got %q, want %q: links and bookmarks hang on them", uids, want)
	}
}

// TestPanelsAreWhole holds what every panel has.
func TestPanelsAreWhole(t *testing.T) {
	for uid, d := range boards(t, demo(t)) {
		if d.Description == nil || *d.Description == "" || !slices.Contains(d.Tags, "traceslo") {
			t.Errorf("%s has no description or not the tag that finds it", uid)
		}
		if first := d.Templating.List[0]; first.Type != dashboard.VariableTypeDatasource || *first.Query.String != "prometheus" {
			t.Errorf("%s: its first variable is not the datasource", uid)
		}
		for _, v := range d.Templating.List {
			if v.Label == nil || v.Description == nil {
				t.Errorf("%s: variable %s has no label or no description", uid, v.Name)
			}
		}
		titles := map[string]int{}
		for _, p := range panels(d) {
			what := uid + ": " + *p.Title
			titles[*p.Title]++
			if p.Description == nil || !strings.HasSuffix(*p.Description, ".") {
				t.Errorf("%s: its description is no sentence", what)
			}
			if p.FieldConfig.Defaults.Unit == nil || *p.FieldConfig.Defaults.Unit == "" {
				t.Errorf("%s has no unit", what)
			}
			if p.Datasource == nil || *p.Datasource.Uid != "${datasource}" || *p.Datasource.Type != "prometheus" {
				t.Errorf("%s does not ask the datasource of the variable", what)
			}
			if len(p.Targets) == 0 {
				t.Errorf("%s asks nothing", what)
			}
		}
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	for uid, d := range boards(t, demo(t)) {
		ids, cells := map[uint32]bool{}, map[[2]uint32]string{}
		end := uint32(0)
		for _, p := range d.Panels {
			var id uint32
			var title string
			var at *dashboard.GridPos
			if p.RowPanel != nil {
				id, title, at = p.RowPanel.Id, *p.RowPanel.Title, p.RowPanel.GridPos
				if !strings.HasSuffix(title, "?") {
					t.Errorf("%s: the row %q is no question", uid, title)
				}
			} else {
				id, title, at = *p.Panel.Id, *p.Panel.Title, p.Panel.GridPos
			}
			if id == 0 || ids[id] {
				t.Errorf("%s: %s has the id %d, as another has", uid, title, id)
			}
			ids[id] = true
			for x := at.X; x < at.X+at.W; x++ {
				for y := at.Y; y < at.Y+at.H; y++ {
					if other := cells[[2]uint32{x, y}]; other != "" || x >= 24 {
						t.Fatalf("%s: %s lies on %q, or outside, at %d, %d", uid, title, other, x, y)
					}
					cells[[2]uint32{x, y}] = title
				}
			}
			end = max(end, at.Y+at.H)
		}
		if int(end)*24 != len(cells) {
			t.Errorf("%s: %d of %d cells are empty", uid, int(end)*24-len(cells), int(end)*24)
		}
	}
}

// TestBoardsWithoutObjectivesAndLinks are those of somebody who just begins.
func TestBoardsWithoutObjectivesAndLinks(t *testing.T) {
	s := demo(t)
	whole := boards(t, s)
	s.SLOs, s.Links = nil, slo.Links{}
	for uid, d := range boards(t, s) {
		for i, p := range panels(d) {
			if want := panels(whole[uid])[i]; *p.Title == *want.Title && *p.Id != *want.Id {
				t.Errorf("%s: %s has the id %d, and %d with objectives", uid, *p.Title, *p.Id, *want.Id)
			}
		}
		content, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range []string{"/search?", "http://", "https://"} {
			if bytes.Contains(content, []byte(link)) {
				t.Errorf("%s leads to a page that nobody named: %s", uid, link)
			}
		}
	}
}
