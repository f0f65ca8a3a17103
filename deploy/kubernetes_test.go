package deploy_test

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/testenv"
)

const generatedRules = "kubernetes/prometheusrule.yaml"

// manifests returns the texts of all manifests by file, and what is in them.
func manifests(t *testing.T) (map[string]string, []map[string]any) {
	t.Helper()
	files, err := filepath.Glob("kubernetes/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	texts := map[string]string{}
	var resources []map[string]any
	for _, file := range files {
		if name := filepath.Base(file); name != "kustomization.yaml" {
			texts[name] = read(t, file)
			resources = append(resources, documents(t, texts[name])...)
		}
	}
	if len(resources) == 0 {
		t.Fatal("there is no manifest")
	}
	return texts, resources
}

func TestKustomizationTakesEveryManifest(t *testing.T) {
	texts, resources := manifests(t)
	kustomization := documents(t, read(t, "kubernetes/kustomization.yaml"))[0]
	var listed []string
	for _, file := range kustomization["resources"].([]any) {
		listed = append(listed, file.(string))
	}
	slices.Sort(listed)
	var there []string
	for name := range texts {
		there = append(there, name)
	}
	slices.Sort(there)
	if diff := cmp.Diff(there, listed); diff != "" {
		t.Errorf("-there +listed\n%s", diff)
	}
	image := at(kustomization, "images", 0)
	pulled := at(ofKind(t, resources, "StatefulSet"), "spec", "template", "spec", "containers", 0, "image")
	if name, tag, _ := strings.Cut(pulled.(string), ":"); at(image, "name") != name || at(image, "newTag") != tag {
		t.Errorf("the image is %q, and %v replaces it", pulled, image)
	}
}

func TestManifestsAreWhatKubernetesTakes(t *testing.T) {
	texts, resources := manifests(t)
	holdSchemas(t, texts, len(resources))
}

// holdSchemas reports what Kubeconform says of manifests with so many resources.
func holdSchemas(t *testing.T, manifests map[string]string, resources int) {
	t.Helper()
	out, err := testenv.Kubeconform(t, manifests)
	if err != nil || strings.Count(out, " is valid\n") != resources {
		t.Errorf("of %d resources not all are valid: %v\n%s", resources, err, out)
	}
}

func TestKubeconformSeesFaults(t *testing.T) {
	texts, _ := manifests(t)
	for name, test := range map[string]struct{ file, old, new string }{
		"a key that is misspelt":          {"statefulset.yaml", "serviceName:", "serviceNane:"},
		"a number that is a text":         {"statefulset.yaml", "replicas: 1", "replicas: one"},
		"a key of an Operator's kind":     {"servicemonitor.yaml", "honorLabels:", "honourLabels:"},
		"a key that stands twice":         {"service.yaml", "  clusterIP: None", "  clusterIP: None\n  clusterIP: None"},
		"a version that is no longer one": {"poddisruptionbudget.yaml", "policy/v1", "policy/v1beta1"},
	} {
		t.Run(name, func(t *testing.T) {
			broken := strings.Replace(texts[test.file], test.old, test.new, 1)
			if broken == texts[test.file] {
				t.Fatalf("%s does not hold %q", test.file, test.old)
			}
			if out, err := testenv.Kubeconform(t, map[string]string{test.file: broken}); err == nil {
				t.Errorf("it is taken:\n%s", out)
			}
		})
	}
}

func TestManifestsAgreeWithEachOther(t *testing.T) {
	_, resources := manifests(t)
	holdResources(t, resources, 1)
}

// holdResources reports where resources are less safe than they can be, do not fit together, or do not fit the daemon.
func holdResources(t *testing.T, resources []map[string]any, readers int) {
	t.Helper()
	set := ofKind(t, resources, "StatefulSet")
	pod := at(set, "spec", "template", "spec")
	container := at(pod, "containers", 0)
	account := ofKind(t, resources, "ServiceAccount")
	service := ofKind(t, resources, "Service")
	for _, want := range []struct {
		what string
		got  any
		want any
	}{
		{"replicas", at(set, "spec", "replicas"), readers},
		// A pod that fails does not hold up what mends it.
		{"podManagementPolicy", at(set, "spec", "podManagementPolicy"), "Parallel"},
		// The restricted level of https://kubernetes.io/docs/concepts/security/pod-security-standards/.
		{"runAsNonRoot", at(pod, "securityContext", "runAsNonRoot"), true},
		{"seccompProfile", at(pod, "securityContext", "seccompProfile", "type"), "RuntimeDefault"},
		{"allowPrivilegeEscalation", at(container, "securityContext", "allowPrivilegeEscalation"), false},
		{"capabilities", at(container, "securityContext", "capabilities"), map[string]any{"drop": []any{"ALL"}}},
		// And more.
		{"readOnlyRootFilesystem", at(container, "securityContext", "readOnlyRootFilesystem"), true},
		{"the pod's token", at(pod, "automountServiceAccountToken"), false},
		{"the account's token", at(account, "automountServiceAccountToken"), false},
		{"the pod's account", at(pod, "serviceAccountName"), at(account, "metadata", "name")},
		{"liveness", at(container, "livenessProbe", "httpGet", "path"), "/-/healthy"},
		{"readiness", at(container, "readinessProbe", "httpGet", "path"), "/-/ready"},
		{"port", at(container, "ports", 0, "containerPort"), 9924},
		{"the name of the port", at(container, "ports", 0, "name"), at(service, "spec", "ports", 0, "targetPort")},
		{"the set's service", at(set, "spec", "serviceName"), at(service, "metadata", "name")},
		{"whom the service leads to", at(service, "spec", "selector"), at(set, "spec", "selector", "matchLabels")},
	} {
		if diff := cmp.Diff(want.want, want.got); diff != "" {
			t.Errorf("%s: -want +got\n%s", want.what, diff)
		}
	}
	holdEnvironment(t, container, readers)
	holdLabels(t, "the set takes for its own", at(set, "spec", "selector", "matchLabels"), at(set, "spec", "template", "metadata", "labels"))
	for _, limit := range []string{"limits", "requests"} {
		if at(container, "resources", limit, "memory") == nil {
			t.Errorf("%s has no memory", limit)
		}
	}
	if policy := ofKind(t, resources, "NetworkPolicy"); policy != nil {
		if diff := cmp.Diff(at(set, "spec", "selector"), at(policy, "spec", "podSelector")); diff != "" {
			t.Errorf("the policy is for others: -set +policy\n%s", diff)
		}
		holdNames(t, policy)
	}
	if budget := ofKind(t, resources, "PodDisruptionBudget"); budget != nil {
		if diff := cmp.Diff(at(set, "spec", "selector"), at(budget, "spec", "selector")); diff != "" {
			t.Errorf("the budget is for others: -set +budget\n%s", diff)
		}
	}
	holdMounts(t, set)
	holdMonitor(t, resources)
}

// holdEnvironment reports where the limit that Go keeps to does not follow from that of the container,
// and where one of several readers does not learn which it is.
func holdEnvironment(t *testing.T, container any, readers int) {
	t.Helper()
	want := []any{
		map[string]any{"name": "MEMORY_LIMIT_MIB", "valueFrom": map[string]any{
			"resourceFieldRef": map[string]any{"resource": "limits.memory", "divisor": "1Mi"},
		}},
		map[string]any{"name": "GOMEMLIMIT", "value": "$(MEMORY_LIMIT_MIB)000000B"},
	}
	if readers > 1 {
		want = append(want, map[string]any{"name": "READER", "valueFrom": map[string]any{
			"fieldRef": map[string]any{"fieldPath": "metadata.labels['apps.kubernetes.io/pod-index']"},
		}})
	}
	if diff := cmp.Diff(want, at(container, "env")); diff != "" {
		t.Errorf("the environment: -want +got\n%s", diff)
	}
}

// holdNames reports where a policy keeps the daemon from the cluster's DNS, whose pods listen on 53 or, OpenShift's, on 5353.
func holdNames(t *testing.T, policy map[string]any) {
	t.Helper()
	want := map[string]any{"ports": []any{
		map[string]any{"port": 53, "protocol": "UDP"},
		map[string]any{"port": 53, "protocol": "TCP"},
		map[string]any{"port": 5353, "protocol": "UDP"},
		map[string]any{"port": 5353, "protocol": "TCP"},
	}}
	if diff := cmp.Diff(want, at(policy, "spec", "egress", 0)); diff != "" {
		t.Errorf("names: -want +policy\n%s", diff)
	}
}

// holdLabels reports what is wanted of labels and not there.
func holdLabels(t *testing.T, who string, wanted, labels any) {
	t.Helper()
	there, _ := labels.(map[string]any)
	for key, value := range wanted.(map[string]any) {
		if there[key] != value {
			t.Errorf("what %s has %s=%v, and not %v", who, key, value, there[key])
		}
	}
}

// holdMounts reports paths on the daemon's command line at which nothing is mounted, and volumes that are not there.
func holdMounts(t *testing.T, set map[string]any) {
	t.Helper()
	pod := at(set, "spec", "template", "spec")
	var args []string
	for _, arg := range at(pod, "containers", 0, "args").([]any) {
		args = append(args, arg.(string))
	}
	flags := holdCommandLine(t, args)
	mounted := map[any]any{}
	for _, mount := range at(pod, "containers", 0, "volumeMounts").([]any) {
		mounted[at(mount, "mountPath")] = at(mount, "name")
	}
	volumes := map[any]bool{}
	for _, volume := range at(pod, "volumes").([]any) {
		volumes[at(volume, "name")] = true
	}
	if state := at(set, "spec", "volumeClaimTemplates", 0, "metadata", "name"); mounted[flags["storage.path"]] != state {
		t.Errorf("the state in %s is not on the volume %v", flags["storage.path"], state)
	} else {
		volumes[state] = true
	}
	if mounted[path.Dir(flags["config.file"])] == nil {
		t.Errorf("%s is not mounted", flags["config.file"])
	}
	for folder, name := range mounted {
		if !volumes[name] {
			t.Errorf("%v is of the volume %v, which is not there", folder, name)
		}
	}
}

// holdMonitor reports where a ServiceMonitor asks for less than deploy/prometheus does.
func holdMonitor(t *testing.T, resources []map[string]any) {
	t.Helper()
	monitor := ofKind(t, resources, "ServiceMonitor")
	if monitor == nil {
		return
	}
	service := ofKind(t, resources, "Service")
	plain := at(documents(t, read(t, "prometheus/prometheus.yml"))[0], "scrape_configs", 0)
	endpoint := at(monitor, "spec", "endpoints", 0)
	for _, pair := range []struct {
		what        string
		plain, here any
	}{
		{"honor_labels", at(plain, "honor_labels"), at(endpoint, "honorLabels")},
		{"native histograms", at(plain, "scrape_native_histograms"), at(monitor, "spec", "scrapeNativeHistograms")},
		{"classic histograms", at(plain, "always_scrape_classic_histograms"), at(monitor, "spec", "scrapeClassicHistograms")},
		{"the port", at(service, "spec", "ports", 0, "name"), at(endpoint, "port")},
	} {
		if pair.plain == nil || pair.plain != pair.here {
			t.Errorf("%s: %v, and %v in the ServiceMonitor", pair.what, pair.plain, pair.here)
		}
	}
	holdLabels(t, "the ServiceMonitor looks for", at(monitor, "spec", "selector", "matchLabels"), at(service, "metadata", "labels"))
	// The rules speak of the job that the configuration names.
	job := documents(t, configuration(t, resources))[0]
	want := at(job, "rules", "job")
	if want == nil {
		want = "traceslo"
	}
	got := at(endpoint, "relabelings", 0)
	if at(got, "targetLabel") != "job" || at(got, "replacement") != want {
		t.Errorf("the job is made by %v, and rules.job is %v", got, want)
	}
}

// configuration returns the daemon's configuration that the ConfigMap holds.
func configuration(t *testing.T, resources []map[string]any) string {
	t.Helper()
	text, ok := at(ofKind(t, resources, "ConfigMap"), "data", "traceslo.yaml").(string)
	if !ok {
		t.Fatal("there is no ConfigMap with a traceslo.yaml")
	}
	return text
}

func TestDaemonTakesTheConfigurationOfTheManifests(t *testing.T) {
	_, resources := manifests(t)
	if out, err := traceslo(t, configuration(t, resources), "check"); err != nil || !strings.HasSuffix(out, "0 warnings)\n") {
		t.Errorf("%v\n%s", err, out)
	}
	if folder := at(ofKind(t, resources, "StatefulSet"), "spec", "template", "spec", "containers", 0, "volumeMounts", 1, "mountPath"); folder != secretFolder {
		t.Errorf("the secrets are mounted at %v, not in %s", folder, secretFolder)
	}
}

func TestRulesOfTheManifestsFollowFromTheirConfiguration(t *testing.T) {
	_, resources := manifests(t)
	want, err := traceslo(t, configuration(t, resources), "rules", "--format=operator")
	if err != nil {
		t.Fatal(err)
	}
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(generatedRules, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, read(t, generatedRules)); diff != "" {
		t.Errorf("UPDATE_GOLDEN=1 makes it anew: -made +shipped\n%s", diff)
	}
}
