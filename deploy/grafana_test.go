package deploy_test

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/types"
)

// mountOf returns what a service has mounted at the longest path that holds one.
func mountOf(service types.ServiceConfig, path string) (mount types.ServiceVolumeConfig) {
	for _, volume := range service.Volumes {
		if strings.HasPrefix(path+"/", volume.Target+"/") && len(volume.Target) > len(mount.Target) {
			mount = volume
		}
	}
	return mount
}

// boards returns those that compose has made, by the names of their files.
func boards(t *testing.T) map[string]map[string]any {
	t.Helper()
	dir := t.TempDir()
	if _, err := traceslo(t, read(t, composeConfig), "dashboards", "--output.dir="+dir); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no board is made: %v", err)
	}
	made := map[string]map[string]any{}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var board map[string]any
		if err := json.Unmarshal(b, &board); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		made[filepath.Base(file)] = board
	}
	return made
}

func TestGrafanaFindsTheBoards(t *testing.T) {
	p := project(t)
	grafana := p.Services["grafana"]
	provider := documents(t, read(t, "compose/grafana/dashboards/traceslo.yaml"))[0]
	if version, kind := at(provider, "apiVersion"), at(provider, "providers", 0, "type"); version != 1 || kind != "file" {
		t.Errorf("the provider is %v of version %v", kind, version)
	}
	folder, _ := at(provider, "providers", 0, "options", "path").(string)
	mounted := mountOf(grafana, folder)
	written := mountOf(p.Services["dashboards"], outputOf(t, p.Services["dashboards"]))
	if mounted.Source != written.Source || mounted.Type != types.VolumeTypeVolume || !mounted.ReadOnly {
		t.Errorf("Grafana reads boards from %+v, they are written to %+v", mounted, written)
	}
	home := *grafana.Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
	made := boards(t)
	if filepath.Dir(home) != folder || made[filepath.Base(home)] == nil {
		t.Errorf("it begins with %s; in %s there are %q", home, folder, slices.Sorted(maps.Keys(made)))
	}
	for _, kind := range []string{"datasources", "dashboards"} {
		mount := mountOf(grafana, "/etc/grafana/provisioning/"+kind)
		if path, err := filepath.Abs("compose/grafana/" + kind); err != nil || mount.Source != path {
			t.Errorf("its %s are provisioned from %s, not from %s: %v", kind, mount.Source, path, err)
		}
	}
}

// outputOf is the folder that a service writes files into.
func outputOf(t *testing.T, service types.ServiceConfig) string {
	t.Helper()
	for _, arg := range service.Command {
		if folder, ok := strings.CutPrefix(arg, "--output.dir="); ok {
			return folder
		}
	}
	t.Fatalf("%s writes nothing", service.Name)
	return ""
}

func TestGrafanaAsksWhatTheBoardsAsk(t *testing.T) {
	p := project(t)
	provisioned := documents(t, read(t, "compose/grafana/datasources/traceslo.yaml"))[0]
	byUID, byDefault := map[string]map[string]any{}, ""
	for _, entry := range at(provisioned, "datasources").([]any) {
		source := entry.(map[string]any)
		uid := source["uid"].(string)
		byUID[uid] = source
		if source["isDefault"] == true {
			byDefault = uid
		}
		host, port, _ := strings.Cut(strings.TrimPrefix(source["url"].(string), "http://"), ":")
		service, ok := p.Services[host]
		if !ok || !slices.ContainsFunc(service.Ports, func(c types.ServicePortConfig) bool { return c.Published == port }) {
			t.Errorf("%s asks %s, which no service serves", uid, source["url"])
		}
	}
	prometheus := byUID[byDefault]
	if interval := at(documents(t, read(t, composePromFile))[0], "global", "scrape_interval"); at(prometheus, "jsonData", "timeInterval") != interval {
		t.Errorf("it takes %v for the interval of scrapes, which is %v", at(prometheus, "jsonData", "timeInterval"), interval)
	}
	trace := at(prometheus, "jsonData", "exemplarTraceIdDestinations", 0)
	if to, _ := at(trace, "datasourceUid").(string); at(byUID[to], "type") != "jaeger" || at(trace, "name") != "trace_id" {
		t.Errorf("exemplars lead to %v", trace)
	}

	// Boards name no uid, but let one choose among the sources of a type, first the default one.
	variables := 0
	for file, board := range boards(t) {
		chosen := map[string]string{}
		for _, entry := range at(board, "templating", "list").([]any) {
			if at(entry, "type") == "datasource" {
				chosen["${"+at(entry, "name").(string)+"}"] = at(entry, "query").(string)
			}
		}
		variables += len(chosen)
		walk(board, func(node map[string]any) {
			source, ok := node["datasource"].(map[string]any)
			if !ok || source["uid"] == "-- Grafana --" {
				return
			}
			if kind := chosen[source["uid"].(string)]; kind != source["type"] || kind != at(prometheus, "type") {
				t.Errorf("%s asks the source %v, the default one is a %v", file, source, at(prometheus, "type"))
			}
		})
	}
	if variables == 0 {
		t.Error("no board lets choose its source")
	}
}

// walk calls visit with each object in a tree.
func walk(node any, visit func(map[string]any)) {
	switch n := node.(type) {
	case map[string]any:
		visit(n)
		for _, inner := range n {
			walk(inner, visit)
		}
	case []any:
		for _, inner := range n {
			walk(inner, visit)
		}
	}
}
