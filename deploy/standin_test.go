package deploy_test

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"

	"github.com/traceslo/traceslo/internal/testenv"
)

// A standIn runs the services of a compose file as plain processes on the loopback interface, each in a folder that
// stands for the root of its container. Names of services and ports become ports of this machine, and paths at which
// something is mounted become paths in that folder; nothing else of a command or a file is changed.
type standIn struct {
	t       *testing.T
	project *types.Project
	dir     string
	// ports are those of this machine by service and port of its container.
	ports map[string]map[int]int
	names *regexp.Regexp
	// node is where the example in Node.js is built.
	node string
}

var (
	anyAddress = regexp.MustCompile(`\b0\.0\.0\.0:(\d+)`)
	anyHost    = regexp.MustCompile(`\bhost: 0\.0\.0\.0, port: (\d+)`)
)

func newStandIn(t *testing.T, p *types.Project) *standIn {
	t.Helper()
	names := regexp.MustCompile(`\b(` + strings.Join(p.ServiceNames(), "|") + `):(\d+)`)
	return &standIn{t: t, project: p, dir: t.TempDir(), ports: map[string]map[int]int{}, names: names}
}

// port returns the port that stands for one of a service's container.
func (s *standIn) port(service string, number int) int {
	s.t.Helper()
	if s.ports[service] == nil {
		s.ports[service] = map[int]int{}
	}
	if s.ports[service][number] == 0 {
		s.ports[service][number] = testenv.Port(s.t)
	}
	return s.ports[service][number]
}

func (s *standIn) address(service string, number int) string {
	s.t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port(service, number)))
}

func (s *standIn) url(service string, number int) string {
	s.t.Helper()
	return "http://" + s.address(service, number)
}

// root is the folder that stands for the root of a service's container.
func (s *standIn) root(service string) string { return filepath.Join(s.dir, "roots", service) }

// here returns a text of a service with addresses of this machine in it.
func (s *standIn) here(service, text string) string {
	s.t.Helper()
	number := func(digits string) int {
		n, err := strconv.Atoi(digits)
		if err != nil {
			s.t.Fatal(err)
		}
		return n
	}
	text = s.names.ReplaceAllStringFunc(text, func(found string) string {
		name, port, _ := strings.Cut(found, ":")
		return s.address(name, number(port))
	})
	text = anyAddress.ReplaceAllStringFunc(text, func(found string) string {
		return s.address(service, number(anyAddress.FindStringSubmatch(found)[1]))
	})
	return anyHost.ReplaceAllStringFunc(text, func(found string) string {
		return fmt.Sprintf("host: 127.0.0.1, port: %d", s.port(service, number(anyHost.FindStringSubmatch(found)[1])))
	})
}

// mount puts what a service mounts into its folder.
func (s *standIn) mount(service types.ServiceConfig) {
	s.t.Helper()
	// What is mounted in a mounted folder comes after it.
	volumes := slices.SortedFunc(slices.Values(service.Volumes), func(a, b types.ServiceVolumeConfig) int { return len(a.Target) - len(b.Target) })
	for _, volume := range volumes {
		target := filepath.Join(s.root(service.Name), volume.Target)
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			s.t.Fatal(err)
		}
		if volume.Type == types.VolumeTypeVolume {
			shared := filepath.Join(s.dir, "volumes", volume.Source)
			if err := os.MkdirAll(shared, 0o755); err != nil {
				s.t.Fatal(err)
			}
			if err := os.Symlink(shared, target); err != nil {
				s.t.Fatal(err)
			}
			continue
		}
		if err := filepath.WalkDir(volume.Source, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			to := target + strings.TrimPrefix(path, volume.Source)
			if entry.IsDir() {
				return os.MkdirAll(to, 0o755)
			}
			return os.WriteFile(to, []byte(s.here(service.Name, read(s.t, path))), 0o644)
		}); err != nil {
			s.t.Fatal(err)
		}
	}
}

// command returns the arguments of a service, and its environment.
func (s *standIn) command(service types.ServiceConfig) (args, env []string) {
	s.t.Helper()
	for _, arg := range service.Command {
		arg = s.here(service.Name, arg)
		if flag, path, ok := strings.Cut(arg, "="); ok && mountOf(service, path).Target != "" {
			arg = flag + "=" + s.root(service.Name) + path
		}
		args = append(args, arg)
	}
	for name, value := range service.Environment {
		if value != nil {
			env = append(env, name+"="+s.here(service.Name, *value))
		}
	}
	return args, env
}

// start starts the program of a service, which has the service's arguments and environment after those that are given:
// the latter say where it listens, which in a container is what the program does by itself.
func (s *standIn) start(name string, program testenv.Command) *testenv.Process {
	s.t.Helper()
	service := s.project.Services[name]
	s.mount(service)
	args, env := s.command(service)
	program.Args, program.Env = append(args, program.Args...), append(env, program.Env...)
	if program.Dir == "" {
		program.Dir = s.dir
	}
	return testenv.StartProcess(s.t, program)
}

// starts starts a service that is ready once a path on a port of its container answers.
func (s *standIn) starts(name, program string, port int, path string, further ...string) {
	s.t.Helper()
	s.start(name, testenv.Command{Path: program, Args: further}).WaitHTTP(s.t, s.url(name, port)+path, time.Minute)
}
