package deploy_test

import (
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/testenv"
)

const (
	dockerfile = "deploy/Dockerfile"
	// mostBytes is what an image may have, unpacked.
	mostBytes = 25e6
	user      = 65532
)

var baseImage = regexp.MustCompile(`(?m)^FROM \S+ (golang:(\d+\.\d+)\S+) AS`)

func TestImageIsBuiltByTheGoOfTheModule(t *testing.T) {
	want := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindStringSubmatch(read(t, "../go.mod"))
	if got := baseImage.FindStringSubmatch(read(t, "../"+dockerfile)); got == nil || got[2] != want[1] {
		t.Errorf("it is built by %q, the module is for Go %s", got, want[1])
	}
}

// image builds the image for a platform.
func image(t *testing.T, platform string) *testenv.Image {
	t.Helper()
	base := baseImage.FindStringSubmatch(read(t, "../"+dockerfile))
	if base == nil {
		t.Fatal("the image does not begin with Go's")
	}
	testenv.Live(t)
	testenv.Binary(t, "./cmd/traceslo") // Its modules are then in the cache, from which alone the image is built.
	return testenv.BuildImage(t, dockerfile, platform, base[1])
}

func TestImageHoldsTheBinaryAlone(t *testing.T) {
	for platform, machine := range map[string]elf.Machine{"linux/amd64": elf.EM_X86_64, "linux/arm64": elf.EM_AARCH64} {
		t.Run(platform, func(t *testing.T) {
			built := image(t, platform)
			var files []string
			var size int64
			if err := filepath.WalkDir(built.Root, func(path string, entry fs.DirEntry, err error) error {
				if err != nil || entry.IsDir() {
					return err
				}
				info, err := entry.Info()
				size += info.Size()
				files = append(files, strings.TrimPrefix(path, built.Root))
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"/usr/local/bin/traceslo"}, files); diff != "" {
				t.Fatalf("-want +got\n%s", diff)
			}
			if t.Logf("%d bytes", size); size >= mostBytes {
				t.Errorf("%d bytes, want less than %.0f", size, mostBytes)
			}
			binary, err := elf.Open(filepath.Join(built.Root, files[0]))
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = binary.Close() }()
			if libraries, err := binary.ImportedLibraries(); binary.Machine != machine || err != nil || len(libraries) > 0 {
				t.Errorf("it is for %s and wants %v (%v)", binary.Machine, libraries, err)
			}
		})
	}
}

// owned returns a folder that is the user's of the image.
func owned(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chown(dir, user, user); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestImageRunsReadOnly runs it as manifests do: not as root, and nothing can be
// written but the state.
func TestImageRunsReadOnly(t *testing.T) {
	built := image(t, "linux/amd64")
	if want := fmt.Sprintf("%d:%d", user, user); built.Config.User != want {
		t.Errorf("the user is %q, want %q", built.Config.User, want)
	}
	if version := built.Config.Labels["org.opencontainers.image.version"]; version != appVersion(t) {
		t.Errorf("its version is %q, the chart's %q", version, appVersion(t))
	}
	state := owned(t)
	configuration := t.TempDir()
	if err := os.WriteFile(filepath.Join(configuration, "traceslo.yaml"), []byte("source: {elasticsearch: {addresses: [http://127.0.0.1:1]}}\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Run("serve", func(t *testing.T) {
		flags := holdCommandLine(t, built.Config.Cmd)
		if _, ok := built.Config.Volumes[flags["storage.path"]]; !ok || len(built.Config.Volumes) != 1 {
			t.Errorf("the volumes are %v, the state is in %s", built.Config.Volumes, flags["storage.path"])
		}
		mounts := map[string]string{filepath.Dir(flags["config.file"]): configuration, flags["storage.path"]: state}
		process := built.Start(t, mounts, append(built.Config.Cmd, "--web.listen-address=127.0.0.1:0", "--log.format=json")...)
		process.WaitOutput(t, `"message":"Listening on"`, time.Minute)
		said := regexp.MustCompile(`"address":"([^"]+)"`).FindStringSubmatch(process.Stderr())
		process.WaitHTTP(t, "http://"+said[1]+"/-/ready", time.Minute)
		kept, err := os.Stat(filepath.Join(state, "traceslo.db"))
		if err != nil {
			t.Fatal(err)
		}
		if owner := kept.Sys().(*syscall.Stat_t).Uid; owner != user {
			t.Errorf("the state is the user's %d", owner)
		}
	})
	t.Run("demo", func(t *testing.T) {
		process := built.Start(t, map[string]string{"/var/lib/traceslo": owned(t)}, "demo", "--history=1h", "--web.listen-address=127.0.0.1:0")
		process.WaitOutput(t, "metrics  http://", time.Minute)
		said := regexp.MustCompile(`metrics +(\S+)`).FindStringSubmatch(process.Stdout())
		process.WaitHTTP(t, said[1], time.Minute)
	})
	t.Run("nothing else", func(t *testing.T) {
		// Where the state is to go the root is read-only.
		process := built.Start(t, nil, "demo", "--storage.path=/etc/traceslo/data", "--web.listen-address=127.0.0.1:0")
		if code := process.ExitCode(); code != 1 || !strings.Contains(process.Stderr(), "read-only file system") {
			t.Errorf("it ended with %d and said\n%s", code, process.Stderr())
		}
	})
}
