package bench_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/internal/bench"
	"github.com/traceslo/traceslo/internal/testenv"
)

// The flags stand behind -args. Without the first four nothing is measured.
var (
	peersFlag    = flag.Bool("peers", false, "measure traceslo beside the others")
	growthFlag   = flag.Bool("growth", false, "measure what grows with spans, operations, objectives, indices and shards")
	soakFlag     = flag.Bool("soak", false, "run at full speed and watch the memory")
	earliestFlag = flag.Bool("earliest", false, "read all that is stored")

	spansFlag   = flag.Int("spans", 1_000_000, "how many spans, about")
	roundsFlag  = flag.Int("rounds", 3, "how often each is measured; the median is told")
	samplesFlag = flag.Int("samples", 40, "of how many spans the freshness is measured")
	minutesFlag = flag.Float64("minutes", 30, "how long the soak takes")
	rateFlag    = flag.Float64("rate", 0, "how many spans a second the soak stores; as many as it can if 0")
	overFlag    = flag.Duration("over", 50*time.Minute, "within which time the spans of -peers and -earliest ended")
	partsFlag   = flag.String("parts", "", "which parts of -peers or -growth, separated by commas; all if empty")
	dataFlag    = flag.String("data", "", "a folder in which -earliest keeps the cluster's data for another run")
	outFlag     = flag.String("out", "", "the folder to write the page and the pictures into; printed and kept in a temporary one if empty")
	flavorFlag  = flag.String("flavor", testenv.Elasticsearch, "which cluster: elasticsearch or opensearch")
	versionFlag = flag.String("cluster-version", "8.19.7", "which version of it")
	heapFlag    = flag.Int("heap", 2048, "its heap, in MiB")
)

// only skips the test unless its flag is there, and lets testenv start servers.
func only(t *testing.T, wanted bool) {
	t.Helper()
	if !wanted {
		t.Skip("measured by hand: make bench-peers, bench-growth, bench-soak or bench-earliest")
	}
	if os.Getenv(testenv.ServersVariable) == "" {
		// Every cluster here is started for the measurement alone; that is all that the variable is asked for.
		t.Setenv(testenv.ServersVariable, os.DevNull)
	}
}

// part tells whether a part is wanted.
func part(name string) bool {
	return *partsFlag == "" || strings.Contains(","+*partsFlag+",", ","+name+",")
}

// startCluster starts the cluster that is measured, with nothing else in it.
func startCluster(t *testing.T, dataDir string) *testenv.Cluster {
	t.Helper()
	if dataDir != "" {
		// The server runs as another user, who must come to it.
		if err := os.MkdirAll(dataDir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return testenv.StartCluster(t, testenv.ClusterOptions{Flavor: *flavorFlag, Version: *versionFlag, HeapMiB: *heapFlag, DataDir: dataDir,
		Settings: map[string]string{"cluster.max_shards_per_node": "20000"}})
}

// usage returns what a process has used.
func usage(t *testing.T, p *testenv.Process) bench.Usage {
	t.Helper()
	u, err := bench.UsageOf(p.Pid())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// clusterCPU returns the CPU time that the cluster has used.
func clusterCPU(t *testing.T, c *testenv.Cluster) time.Duration {
	t.Helper()
	return usage(t, c.Nodes()[0].Process()).CPU
}

// quiet waits until the cluster has nothing to do any more, merges among it.
func quiet(t *testing.T, c *testenv.Cluster) {
	t.Helper()
	for range 120 {
		before := clusterCPU(t, c)
		time.Sleep(time.Second)
		if clusterCPU(t, c)-before <= 50*time.Millisecond {
			return
		}
	}
	t.Log("the cluster does not come to rest")
}

// A page is what a measurement leaves: Markdown and pictures.
type page struct {
	name string
	text strings.Builder
	svg  map[string]string
}

// newPage begins a page with what everybody wants to know of a figure.
func newPage(t *testing.T, name, title, command string) *page {
	t.Helper()
	p := &page{name: name, svg: map[string]string{}}
	p.f("# %s\n\nMade by `%s` on %s; the figures below are all of that run.\n\n", title, command, time.Now().UTC().Format("2006-01-02 15:04 UTC"))
	p.f("Machine: %s; its load average when the run began: %s. Versions: traceslo %s, %s %s with a heap of %d MiB, Jaeger %s (v2), %s.\n\n", machine(t), strings.Join(strings.Fields(read(t, "/proc/loadavg"))[:3], ", "), revision(t),
		strings.ToUpper((*flavorFlag)[:1])+(*flavorFlag)[1:], *versionFlag, *heapFlag, testenv.ToolVersion("jaeger"), runtime.Version())
	return p
}

func (p *page) f(format string, args ...any) { fmt.Fprintf(&p.text, format, args...) }

// picture puts a picture where the text stands.
func (p *page) picture(name, says, svg string) {
	p.svg[name] = svg
	p.f("![%s](%s)\n\n", says, name)
}

// write writes the page, again after each part: what comes later may fail.
func (p *page) write(t *testing.T) {
	t.Helper()
	dir := *outFlag
	if dir == "" {
		dir = filepath.Join(os.TempDir(), "traceslo-bench")
	} else if !filepath.IsAbs(dir) {
		dir = filepath.Join("..", "..", dir) // Tests run in the folder of their package.
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, svg := range p.svg {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(svg), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, p.name+".md")
	if err := os.WriteFile(path, []byte(strings.TrimRight(p.text.String(), "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Logf("wrote %s", path)
}

// machine says on what was measured.
func machine(t *testing.T) string {
	t.Helper()
	model := "unknown processor"
	for line := range strings.Lines(read(t, "/proc/cpuinfo")) {
		if name, value, found := strings.Cut(line, ":"); found && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	var kib int64
	if _, err := fmt.Sscanf(read(t, "/proc/meminfo"), "MemTotal: %d kB", &kib); err != nil {
		t.Fatal(err)
	}
	system := runtime.GOOS
	for line := range strings.Lines(read(t, "/etc/os-release")) {
		if name, found := strings.CutPrefix(line, "PRETTY_NAME="); found {
			system = strings.Trim(strings.TrimSpace(name), `"`)
		}
	}
	return fmt.Sprintf("%d cores of an %s under a hypervisor, %d GiB of memory, %s", runtime.NumCPU(), model, kib>>20, system)
}

// revision is that of the tree that is measured.
func revision(t *testing.T) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "describe", "--tags", "--always", "--dirty").Output()
	if err != nil {
		return "of an unknown revision"
	}
	return strings.TrimSpace(string(out))
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// command is how the run is repeated.
func command(target string) string {
	var args []string
	flag.Visit(func(f *flag.Flag) {
		switch {
		case strings.HasPrefix(f.Name, "test."), f.Name == "out", f.Name == "data", f.Name == target:
		default:
			args = append(args, "-"+f.Name+"="+f.Value.String())
		}
	})
	if len(args) == 0 {
		return "make bench-" + target
	}
	return fmt.Sprintf("make bench-%s BENCH='%s'", target, strings.Join(args, " "))
}
