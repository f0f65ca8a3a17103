package deploy_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
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

// daemon starts traceslo, and asks for its health as compose does.
func (s *standIn) daemon() {
	s.t.Helper()
	path := testenv.Binary(s.t, "./cmd/traceslo")
	s.starts("traceslo", path, 9924, "/-/ready", s.listen("traceslo", 9924))
	probe := s.project.Services["traceslo"].HealthCheck.Test
	s.eventually(s.t, "health", func() error {
		out, err := exec.CommandContext(s.t.Context(), path, append(probe[2:], "--server.url="+s.url("traceslo", 9924))...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	})
}

// listen is the flag of Prometheus' kin that says where they listen.
func (s *standIn) listen(service string, port int) string {
	s.t.Helper()
	return "--web.listen-address=" + s.address(service, port)
}

func (s *standIn) hotrod() {
	s.t.Helper()
	var further []string
	for i, service := range []string{"frontend", "customer", "driver", "route"} {
		further = append(further, fmt.Sprintf("--%s-service-port=%d", service, s.port("hotrod", 8080+i)), "--"+service+"-service-hostname=127.0.0.1")
	}
	s.starts("hotrod", program(s.t, "hotrod"), 8080, "/", further...)
}

// imageCommand is what the image of a service runs, if compose does not say otherwise.
func (s *standIn) imageCommand(name string) []string {
	s.t.Helper()
	build := s.project.Services[name].Build
	lines := regexp.MustCompile(`(?m)^CMD (\[.*\])$`).FindAllStringSubmatch(read(s.t, filepath.Join(build.Context, "Dockerfile")), -1)
	var command []string
	if len(lines) != 1 || json.Unmarshal([]byte(lines[0][1]), &command) != nil {
		s.t.Fatalf("the image of %s runs %q", name, lines)
	}
	return command
}

func (s *standIn) mlPipeline() {
	s.t.Helper()
	s.start("ml-pipeline", testenv.Command{
		Path: testenv.Python(s.t, "deploy/examples/python"), Args: s.imageCommand("ml-pipeline")[1:],
		Dir: testenv.PythonProject(s.t, "deploy/examples/python"), Env: []string{fmt.Sprintf("PORT=%d", s.port("ml-pipeline", 8101))},
	}).WaitHTTP(s.t, s.url("ml-pipeline", 8101)+"/healthz", time.Minute)
}

func (s *standIn) videoIngestion() {
	s.t.Helper()
	s.node = testenv.NodeProject(s.t, "deploy/examples/node")
	if build := testenv.StartProcess(s.t, testenv.Command{Path: "npm", Args: []string{"run", "build"}, Dir: s.node}); build.Err() != nil {
		s.t.Fatalf("%v\n%s", build.Err(), build.Tail())
	}
	s.start("video-ingestion", testenv.Command{
		Path: "/usr/bin/env", Args: s.imageCommand("video-ingestion"),
		Dir: s.node, Env: []string{fmt.Sprintf("PORT=%d", s.port("video-ingestion", 8100))},
	}).WaitHTTP(s.t, s.url("video-ingestion", 8100)+"/healthz", time.Minute)
}

func (s *standIn) videoLoad() {
	s.t.Helper()
	s.start("video-load", testenv.Command{Path: "/usr/bin/env", Dir: s.node})
}

// runs runs a service of the daemon's image to its end.
func (s *standIn) runs(name string) {
	s.t.Helper()
	if process := s.start(name, testenv.Command{Path: testenv.Binary(s.t, "./cmd/traceslo")}); process.Err() != nil {
		s.t.Fatalf("%s: %v\n%s", name, process.Err(), process.Tail())
	}
}
