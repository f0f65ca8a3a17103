package deploy_test

import (
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"gopkg.in/yaml.v3"

	"github.com/traceslo/traceslo/internal/testenv"
)

const (
	chart        = "helm/traceslo"
	anyImage     = "image: {repository: traceslo}\n"
	wholeExample = "../config.example.yaml"
)

// template renders the chart with values on top of its own.
func template(t *testing.T, values string, files map[string]string, args ...string) (string, error) {
	t.Helper()
	path, err := filepath.Abs(chart)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"values.yaml": values}
	maps.Copy(all, files)
	// A Helm that is built from its module takes the cluster for an old one.
	return testenv.Helm(t, all, append([]string{"template", "release", path, "--namespace=tracing", "--kube-version=1.36.3", "--values=values.yaml"}, args...)...)
}

// TestReadmeInstallsTheChart renders what the command in README would install.
func TestReadmeInstallsTheChart(t *testing.T) {
	command := regexp.MustCompile(`(?m)^helm install (.*)$`).FindStringSubmatch(read(t, "../README.md"))
	if command == nil {
		t.Fatal("README has no helm install")
	}
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	args := strings.Fields(strings.ReplaceAll(command[1], "deploy/", root+"/deploy/"))
	out, err := testenv.Helm(t, nil, append([]string{"template", "--kube-version=1.36.3"}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	resources := documents(t, out)
	if image := at(ofKind(t, resources, "StatefulSet"), "spec", "template", "spec", "containers", 0, "image"); image != "registry.example.com/traceslo:"+appVersion(t) {
		t.Errorf("it installs %v", image)
	}
	holdResources(t, resources, 1)
}

// underConfig returns values that hold a configuration.
func underConfig(configuration string) string {
	return "config:\n  " + strings.ReplaceAll(configuration, "\n", "\n  ") + "\n"
}

func TestChartIsWhatKubernetesAndTheDaemonTake(t *testing.T) {
	for name, test := range map[string]struct {
		values             string
		resources, readers int
	}{
		"its own values":         {"{}", 7, 1},
		"the least":              {read(t, "helm/examples/first.yaml"), 6, 1},
		"a cluster with TLS":     {read(t, "helm/examples/tls.yaml"), 7, 1},
		"objectives":             {read(t, "helm/examples/platform.yaml"), 4, 1},
		"every key with a value": {underConfig(read(t, wholeExample)), 7, 1},
		"scheduled reports":      {underConfig(scheduled), 7, 1},
		"three readers":          {"readers: 3", 7, 3},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := template(t, test.values, nil, "--set=image.repository=traceslo")
			if err != nil {
				t.Fatal(err)
			}
			resources := documents(t, out)
			holdSchemas(t, map[string]string{"rendered.yaml": out}, test.resources)
			holdResources(t, resources, test.readers)
			made := configuration(t, resources)
			if out, err := traceslo(t, made, "check"); err != nil || !strings.HasSuffix(out, "0 warnings)\n") {
				t.Errorf("%v\n%s\n%s", err, out, made)
			}
			// What was given is in it as it was, whatever the chart's own values add.
			got := scalars(t, made, "")
			for path, want := range scalars(t, test.values, "config") {
				if got[path] != want {
					t.Errorf("%s: %q became %q", path, want, got[path])
				}
			}
		})
	}
}

// scalars returns the text of each scalar of a YAML document under a key, by its path.
func scalars(t *testing.T, text, under string) map[string]string {
	t.Helper()
	var document yaml.Node
	if err := yaml.Unmarshal([]byte(text), &document); err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var walk func(path string, n *yaml.Node)
	walk = func(path string, n *yaml.Node) {
		switch n.Kind {
		case yaml.MappingNode:
			for i := 0; i < len(n.Content); i += 2 {
				walk(path+"."+n.Content[i].Value, n.Content[i+1])
			}
		case yaml.SequenceNode:
			for i, c := range n.Content {
				walk(fmt.Sprintf("%s[%d]", path, i), c)
			}
		case yaml.ScalarNode:
			found[path] = n.Value
		}
	}
	root := document.Content[0]
	if under == "" {
		walk("", root)
		return found
	}
	for i := 0; i < len(root.Content); i += 2 {
		if root.Content[i].Value == under {
			walk("", root.Content[i+1])
		}
	}
	return found
}

func TestChartWantsAnImage(t *testing.T) {
	if _, err := template(t, "{}", nil); err == nil || !strings.Contains(err.Error(), "image.repository is empty: build the image") {
		t.Errorf("got %v", err)
	}
	digest := "sha256:" + strings.Repeat("0a", 32)
	for values, want := range map[string]string{
		"image: {repository: a/traceslo}":                                    "a/traceslo:0.1.0",
		"image: {repository: a/traceslo, tag: v2}":                           "a/traceslo:v2",
		"image: {repository: a/traceslo, tag: v2, digest: '" + digest + "'}": "a/traceslo@" + digest,
	} {
		out, err := template(t, values, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := at(ofKind(t, documents(t, out), "StatefulSet"), "spec", "template", "spec", "containers", 0, "image"); got != want {
			t.Errorf("%s: got the image %v, want %s", values, got, want)
		}
	}
}

func TestChartHandsRulesAndFilesOn(t *testing.T) {
	made := read(t, generatedRules)
	files := map[string]string{"rules.yaml": made, "checkout.yaml": "apiVersion: openslo/v1\n"}
	out, err := template(t, anyImage, files, "--set-file=rules=rules.yaml", `--set-file=files.checkout\.yaml=checkout.yaml`)
	if err != nil {
		t.Fatal(err)
	}
	want := documents(t, made)
	var got []map[string]any
	for _, r := range documents(t, out) {
		if r["kind"] == "PrometheusRule" {
			got = append(got, r)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) == 0 {
		t.Errorf("%d rules: -handed +rendered\n%s", len(got), diff)
	}
	if text := at(ofKind(t, documents(t, out), "ConfigMap"), "data", "checkout.yaml"); text != files["checkout.yaml"] {
		t.Errorf("the file is %v", text)
	}
	if _, err := template(t, anyImage, map[string]string{"rules.yaml": "groups: []\n"}, "--set-file=rules=rules.yaml"); err == nil || !strings.Contains(err.Error(), "there is no PrometheusRule in it") {
		t.Errorf("what is no rule: got %v", err)
	}
}

// TestExampleLetsItsReadersIn holds that whom the chart lets in, an example does too, and more where people are sent to the pages.
func TestExampleLetsItsReadersIn(t *testing.T) {
	from := func(values string) []any {
		out, err := template(t, values, nil, "--set=image.repository=traceslo")
		if err != nil {
			t.Fatal(err)
		}
		return at(ofKind(t, documents(t, out), "NetworkPolicy"), "spec", "ingress", 0, "from").([]any)
	}
	example := read(t, "helm/examples/tls.yaml")
	if at(documents(t, example)[0], "config", "links", "status_url") == nil {
		t.Fatal("it sends nobody to the pages")
	}
	prometheus, all := from("{}"), from(example)
	if len(all) <= len(prometheus) {
		t.Fatalf("it lets in %v alone", all)
	}
	if diff := cmp.Diff(prometheus, all[:len(prometheus)]); diff != "" {
		t.Errorf("-chart +example\n%s", diff)
	}
}

// TestReadersFindEachOther holds that each of several pods is told which reader it
// is, and where all of them are.
func TestReadersFindEachOther(t *testing.T) {
	out, err := template(t, anyImage+"readers: 3", nil)
	if err != nil {
		t.Fatal(err)
	}
	resources := documents(t, out)
	set := ofKind(t, resources, "StatefulSet")
	if got := []any{at(set, "spec", "replicas"), at(set, "spec", "ordinals", "start"), at(set, "spec", "serviceName")}; !cmp.Equal([]any{3, 1, "release-traceslo"}, got) {
		t.Errorf("replicas, their first number and their service are %v", got)
	}
	container := at(set, "spec", "template", "spec", "containers", 0)
	if args := fmt.Sprint(at(container, "args")); !strings.Contains(args, "--shard=$(READER)/3") {
		t.Errorf("the arguments are %s", args)
	}
	if env := fmt.Sprint(at(container, "env")); !strings.Contains(env, "metadata.labels['apps.kubernetes.io/pod-index']") {
		t.Errorf("the environment is %s", env)
	}
	var read struct{ Peers struct{ Addresses []string } }
	if err := yaml.Unmarshal([]byte(configuration(t, resources)), &read); err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := 1; i <= 3; i++ {
		want = append(want, fmt.Sprintf("http://release-traceslo-%d.release-traceslo.tracing.svc:9924", i))
	}
	if diff := cmp.Diff(want, read.Peers.Addresses); diff != "" {
		t.Errorf("-want +addresses\n%s", diff)
	}
	policy := at(ofKind(t, resources, "NetworkPolicy"), "spec")
	if from := at(policy, "ingress", 0, "from").([]any); len(from) != 2 {
		t.Errorf("the policy lets in %v", from)
	}
	if _, err := template(t, anyImage+"readers: 2", nil, "--kube-version=1.27.0"); err == nil || !strings.Contains(err.Error(), "1.28") {
		t.Errorf("in Kubernetes 1.27: %v", err)
	}
	own, err := template(t, anyImage+"readers: 2\nconfig: {peers: {addresses: ['http://a:1', 'http://b:2']}}", nil)
	if err != nil {
		t.Fatal(err)
	}
	if made := configuration(t, documents(t, own)); !strings.Contains(made, "- http://a:1") || strings.Contains(made, "svc:9924") {
		t.Errorf("addresses that are given became\n%s", made)
	}
}

func TestPolicyTakesFurtherRules(t *testing.T) {
	out, err := template(t, anyImage+"networkPolicy: {egress: [{ports: [{port: 443, protocol: TCP}]}]}", nil)
	if err != nil {
		t.Fatal(err)
	}
	holdSchemas(t, map[string]string{"rendered.yaml": out}, 7)
	rules := at(ofKind(t, documents(t, out), "NetworkPolicy"), "spec", "egress").([]any)
	var first []any
	for _, rule := range rules {
		first = append(first, at(rule, "ports", 0, "port"))
	}
	if diff := cmp.Diff([]any{53, 9200, 443}, first); diff != "" {
		t.Errorf("the first port of each rule: -want +got\n%s", diff)
	}
}

func TestPodsFollowTheirConfiguration(t *testing.T) {
	checksum := func(args ...string) any {
		out, err := template(t, anyImage, nil, args...)
		if err != nil {
			t.Fatal(err)
		}
		return at(ofKind(t, documents(t, out), "StatefulSet"), "spec", "template", "metadata", "annotations", "checksum/config")
	}
	if before, after := checksum(), checksum("--set=config.source.silence=10m"); before == after {
		t.Errorf("the checksum is %v before and after a change", before)
	}
}

func TestSchemaRefuses(t *testing.T) {
	objective := "config: {slos: [{name: a, service: b, sli: {%s}, objective: %s, window: %s}]}"
	availability := "availability: {match: {}}"
	for name, test := range map[string]struct{ values, want string }{
		"a value that the chart does not have":    {"replicas: 2", "replicas"},
		"a section that the daemon does not have": {"config: {sources: {}}", "sources"},
		"a key in the wrong section":              {"config: {source: {elasticsearch: {retries: 3}}}", "retries"},
		"a duration without a unit":               {"config: {source: {silence: 300}}", "silence"},
		"a user in an address":                    {"config: {source: {elasticsearch: {addresses: ['http://me:secret@es:9200']}}}", "addresses"},
		"no address":                              {"config: {source: {elasticsearch: {addresses: []}}}", "addresses"},
		"a text for a switch":                     {"config: {alerting: {disabled: 'no'}}", "disabled"},
		"an objective without its sign":           {fmt.Sprintf(objective, availability, "99.9", "30d"), "objective"},
		"a key that objectives do not have":       {fmt.Sprintf(objective, availability, "99.9%", "30d, target: 1"), "target"},
		"an objective with two indicators":        {fmt.Sprintf(objective, availability+", latency: {match: {}, threshold: 1s}", "99%", "30d"), "sli"},
		"a latency without a threshold":           {fmt.Sprintf(objective, "latency: {match: {}}", "99%", "30d"), "threshold"},
		"a period that no calendar has":           {fmt.Sprintf(objective, availability, "99%", "{calendar: fortnight}"), "window"},
		"a digest that is none":                   {"image: {digest: latest}", "digest"},
		"a port that is none":                     {"networkPolicy: {elasticsearchPorts: [92000]}", "elasticsearchPorts"},
		"a rule that lets everything out":         {"networkPolicy: {egress: [{}]}", "egress"},
		"a rule of the other direction":           {"networkPolicy: {egress: [{from: []}]}", "from"},
		"another address":                         {"extraArgs: [--log.level=debug, '--web.listen-address=:8080']", "extraArgs"},
		"TLS that no probe speaks":                {"extraArgs: [--web.config.file=/etc/traceslo/secret/web.yaml]", "extraArgs"},
		"a socket that systemd does not pass":     {"extraArgs: [--web.systemd-socket]", "extraArgs"},
		"a flag that is none":                     {"extraArgs: [debug]", "extraArgs"},
		"which reader it is":                      {"extraArgs: [--shard=1/2]", "extraArgs"},
		"no reader":                               {"readers: 0", "readers"},
		"a file in the configuration's place":     {"files: {traceslo.yaml: ''}", "traceslo.yaml"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := template(t, test.values, nil, "--set=image.repository=traceslo")
			if err == nil || !strings.Contains(err.Error(), "schema") || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q refused", err, test.want)
			}
		})
	}
}

func TestSchemaLeavesValuesToTheEnvironment(t *testing.T) {
	values := "config: {source: {silence: '${SILENCE}', elasticsearch: {addresses: ['${ADDRESS}'], auth: {api_key: '${KEY}'}}}}\nenvFromSecrets: [keys]"
	out, err := template(t, values, nil, "--set=image.repository=traceslo")
	if err != nil {
		t.Fatal(err)
	}
	if made := configuration(t, documents(t, out)); !strings.Contains(made, "api_key: ${KEY}\n") {
		t.Errorf("got\n%s", made)
	}
}

// scheduled has all keys of a scheduled report: the reference shows them in a comment.
const scheduled = `reports:
  - name: weekly
    schedule: "0 6 * * MON"
    time_zone: Europe/Madrid
    period: last-week
    formats: [html, json]
    folder: /var/lib/traceslo/reports
    keep: 53
    keep_for: 400d
    slos: []
    wait: 1h
    webhook:
      url: https://reports.example.com/traceslo
      format: json
      secret_file: /etc/traceslo/secret/report
      ca_file: /etc/traceslo/secret/report.crt
      timeout: 30s
      attempts: 10`

// TestSchemaKnowsEverySection puts a key that nobody knows into each section that the configuration has.
func TestSchemaKnowsEverySection(t *testing.T) {
	var spoil func(section any) (sections int)
	spoil = func(section any) (sections int) {
		switch section := section.(type) {
		case []any:
			for _, value := range section {
				sections += spoil(value)
			}
		case map[string]any:
			if len(section) == 0 {
				return 0 // Where none shows a key, any may stand.
			}
			sections = 1
			for _, value := range section {
				sections += spoil(value)
			}
			section["unheard_of"] = true
		}
		return sections
	}
	all := documents(t, read(t, wholeExample))[0]
	maps.Copy(all, documents(t, scheduled)[0])
	for name, section := range all {
		sections := spoil(section)
		if sections == 0 {
			continue
		}
		t.Run(name, func(t *testing.T) {
			spoilt, err := yaml.Marshal(map[string]any{"config": map[string]any{name: section}})
			if err != nil {
				t.Fatal(err)
			}
			_, err = template(t, string(spoilt), nil, "--set=image.repository=traceslo")
			if err == nil {
				t.Fatal("it is taken")
			}
			if got := strings.Count(err.Error(), "'unheard_of' not allowed"); got != sections {
				t.Errorf("%d of %d are refused: %v", got, sections, err)
			}
		})
	}
}
