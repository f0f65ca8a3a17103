package deploy_test

import (
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/compose-spec/compose-go/v2/loader"
	"github.com/compose-spec/compose-go/v2/types"
	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/traceslo/traceslo/internal/testenv"
)

const (
	composeFile      = "compose.yaml"
	composePromFile  = "compose/prometheus.yml"
	composeAlertFile = "compose/alertmanager.yml"
	composeConfig    = "compose/traceslo.yaml"
)

// project reads compose.yaml as compose does.
func project(t *testing.T) *types.Project {
	t.Helper()
	path, err := filepath.Abs(composeFile)
	if err != nil {
		t.Fatal(err)
	}
	details := types.ConfigDetails{WorkingDir: filepath.Dir(path), ConfigFiles: []types.ConfigFile{{Filename: path}}, Environment: types.Mapping{}}
	p, err := loader.LoadWithContext(t.Context(), details)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestComposeIsReadByComposeItself(t *testing.T) {
	p := project(t)
	published, built := map[string]string{}, map[string]string{}
	used := map[string]bool{}
	for name, service := range p.Services {
		for _, port := range service.Ports {
			if address, err := netip.ParseAddr(port.HostIP); err != nil || !address.IsLoopback() {
				t.Errorf("%s: the port %s is to be reached from other machines", name, port.Published)
			}
			if other, taken := published[port.Published]; taken {
				t.Errorf("%s and %s have the port %s", name, other, port.Published)
			}
			published[port.Published] = name
		}
		for _, volume := range service.Volumes {
			if used[volume.Source] = true; volume.Type != types.VolumeTypeBind {
				continue
			}
			if _, err := os.Stat(volume.Source); err != nil || !volume.ReadOnly {
				t.Errorf("%s: %s: %v; it can be written: %v", name, volume.Source, err, !volume.ReadOnly)
			}
		}
		if build := service.Build; build != nil {
			// Several that build one image at once may fail: it is there already when the second ends.
			if other, taken := built[service.Image]; taken {
				t.Errorf("%s and %s build %s", name, other, service.Image)
			}
			built[service.Image] = name
			if _, err := os.Stat(filepath.Join(build.Context, build.Dockerfile)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	for name := range p.Volumes {
		if !used[name] {
			t.Errorf("the volume %s is nobody's", name)
		}
	}
}

// TestComposePinsWhatIsTested holds the versions of images to those that tests run.
func TestComposePinsWhatIsTested(t *testing.T) {
	newest := ""
	for _, d := range testenv.Distributions() {
		if d.Flavor == testenv.Elasticsearch && strings.HasPrefix(d.Version, "8.") {
			newest = d.Version
		}
	}
	// Prometheus' module v0.315.0 is its release 3.15.0.
	prometheus := regexp.MustCompile(`^v0\.(\d)(\d\d)\.`).ReplaceAllString(testenv.ToolVersion("prometheus"), "v$1.$2.")
	jaeger := strings.TrimPrefix(testenv.ToolVersion("hotrod"), "v")
	want := map[string]string{
		"elasticsearch": newest,
		"prometheus":    prometheus,
		"alertmanager":  testenv.ToolVersion("alertmanager"),
		"hotrod":        jaeger,
		// Jaeger's release 1.76.0 is its 2.13.0 too.
		"jaeger":   map[string]string{"1.76.0": "2.13.0"}[jaeger],
		"traceslo": appVersion(t),
	}
	p := project(t)
	for name, version := range want {
		if _, tag, _ := strings.Cut(p.Services[name].Image, ":"); tag != version || version == "" {
			t.Errorf("%s: the image is %s, tests run %s", name, p.Services[name].Image, version)
		}
	}
	pinned := regexp.MustCompile(`^[a-z/-]+:v?\d+\.\d+\.\d+$`)
	for name, service := range p.Services {
		if service.Image != "" && !pinned.MatchString(service.Image) {
			t.Errorf("%s: %s can be one thing today and another tomorrow", name, service.Image)
		}
	}
}

// appVersion is the version that the chart installs.
func appVersion(t *testing.T) string {
	t.Helper()
	version, _ := documents(t, read(t, chart+"/Chart.yaml"))[0]["appVersion"].(string)
	return version
}

func TestComposeRunsTheDaemonAsManifestsDo(t *testing.T) {
	p := project(t)
	for name, service := range p.Services {
		if service.Image != p.Services["traceslo"].Image {
			continue
		}
		if !service.ReadOnly || !slices.Equal(service.CapDrop, []string{"ALL"}) || !slices.Contains(service.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s may do more than it needs", name)
		}
		mounted := map[string]bool{}
		for _, volume := range service.Volumes {
			mounted[volume.Target] = true
		}
		for _, arg := range service.Command[1:] {
			if flag, path, _ := strings.Cut(arg, "="); !mounted[path] {
				t.Errorf("%s: %s names %s, where nothing is mounted", name, flag, path)
			}
		}
	}
	holdCommandLine(t, p.Services["traceslo"].Command)
	if out, err := traceslo(t, read(t, composeConfig), "check"); err != nil || !strings.HasSuffix(out, "0 warnings)\n") {
		t.Errorf("%v\n%s", err, out)
	}
}

// TestComposeScrapesAndMutesAsShipped compares its files with the examples of deploy/prometheus, which other tests hold
// to the rules.
func TestComposeScrapesAndMutesAsShipped(t *testing.T) {
	here, shipped := documents(t, read(t, composePromFile))[0], documents(t, read(t, "prometheus/prometheus.yml"))[0]
	delete(here, "global")
	local := regexp.MustCompile(`(traceslo|alertmanager)(:\d+)`).ReplaceAllString(text(t, here), "127.0.0.1$2")
	if diff := cmp.Diff(text(t, shipped), local); diff != "" {
		t.Errorf("-shipped +compose\n%s", diff)
	}
	mutes := func(file string) any { return documents(t, read(t, file))[0]["inhibit_rules"] }
	if diff := cmp.Diff(mutes("prometheus/alertmanager.yml"), mutes(composeAlertFile)); diff != "" {
		t.Errorf("-shipped +compose\n%s", diff)
	}
}

func TestComposeHasTheObjectivesOfTheExamples(t *testing.T) {
	objectives := func(file string) map[any]any {
		byName := map[any]any{}
		for _, o := range documents(t, read(t, file))[0]["slos"].([]any) {
			byName[at(o, "name")] = o
		}
		return byName
	}
	here := objectives(composeConfig)
	for name, want := range objectives(examplesConfig) {
		if diff := cmp.Diff(want, here[name]); diff != "" {
			t.Errorf("-example +compose\n%s", diff)
		}
	}
}

func text(t *testing.T, value any) string {
	t.Helper()
	b, err := yaml.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
