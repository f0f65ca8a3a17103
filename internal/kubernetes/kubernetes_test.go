package kubernetes_test

import (
	"strings"
	"testing"

	"github.com/traceslo/traceslo/internal/kubernetes"
)

func TestValidateNamespace(t *testing.T) {
	for name, right := range map[string]bool{
		"": true, "a": true, "monitoring": true, "team-2": true, strings.Repeat("a", 63): true,
		strings.Repeat("a", 64): false, "Team": false, "a.b": false, "-a": false, "a-": false, "a_b": false, "a b": false, "ä": false, "a\n": false,
	} {
		if faults := kubernetes.ValidateNamespace("operator.namespace", name); (len(faults) == 0) != right {
			t.Errorf("%q: got %v, want it taken: %t", name, faults, right)
		} else if !right && (faults[0].Path != "operator.namespace" || faults[0].Cure == "") {
			t.Errorf("%q: got %+v, want the path and a cure", name, faults[0])
		}
	}
}

func TestValidateLabels(t *testing.T) {
	long := strings.Repeat("a", 64)
	for _, label := range []struct {
		key, value string
		right      bool
	}{
		{"release", "prometheus", true}, {"app.kubernetes.io/part-of", "x", true}, {"a", "", true}, {"A_b.c", "1", true},
		{"", "x", false}, {long, "x", false}, {"a", long, false}, {"a b", "x", false}, {"a", "b c", false}, {"Example.org/a", "x", false},
		{"a/b/c", "x", false}, {"-a", "x", false}, {"a", "b-", false}, {"a", "b\n", false},
	} {
		faults := kubernetes.ValidateLabels("labels", map[string]string{label.key: label.value}, "release: prometheus")
		if (len(faults) == 0) != label.right {
			t.Errorf("%q: %q: got %v, want it taken: %t", label.key, label.value, faults, label.right)
		} else if !label.right && (faults[0].Path != "labels."+label.key || !strings.HasSuffix(faults[0].Cure, "as in release: prometheus")) {
			t.Errorf("%q: %q: got %+v, want the path and a cure with the example", label.key, label.value, faults[0])
		}
	}
}
