package dashboards_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"

	"github.com/traceslo/traceslo/dashboards"
)

// TestBoardsAreWhatTheSDKKnows reads each board as strictly as the SDK can, and
// writes it again.
func TestBoardsAreWhatTheSDKKnows(t *testing.T) {
	for name, content := range render(t, demo(t), dashboards.Grafana) {
		known := known(t, content)
		var strict, d dashboard.Dashboard
		if err := strict.UnmarshalJSONStrict(known); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := strict.Validate(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		// The strict reading makes null of an empty list.
		if err := json.Unmarshal(known, &d); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(canonical(t, known)), string(canonical(t, again))); diff != "" {
			t.Errorf("%s: is another when it was read and written (-was +is):\n%s", name, diff)
		}
		if !bytes.HasSuffix(content, []byte("}\n")) || bytes.Contains(content, []byte(`\u003`)) {
			t.Errorf("%s: is not written for people", name)
		}
	}
}

// known returns a board without the texts of annotations, which are Grafana's
// and not the SDK's; they have to be there.
func known(t *testing.T, content []byte) []byte {
	t.Helper()
	board := map[string]any{}
	decode(t, content, &board)
	for _, a := range board["annotations"].(map[string]any)["list"].([]any) {
		for _, key := range []string{"titleFormat", "textFormat", "tagKeys"} {
			if _, ok := a.(map[string]any)[key].(string); !ok {
				t.Errorf("an annotation has no %s", key)
			}
			delete(a.(map[string]any), key)
		}
	}
	out, err := json.Marshal(board)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// canonical returns JSON with its keys sorted.
func canonical(t *testing.T, content []byte) []byte {
	t.Helper()
	var v any
	decode(t, content, &v)
	out, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func decode(t *testing.T, content []byte, into any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(content))
	d.UseNumber()
	if err := d.Decode(into); err != nil {
		t.Fatal(err)
	}
}
