package web_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/web"
)

// written returns what status prints of a bench, by way of its JSON.
func written(t *testing.T, b *bench, coloured bool) string {
	t.Helper()
	var status web.Status
	var list web.Objectives
	for path, into := range map[string]any{"/api/v1/status": &status, "/api/v1/objectives": &list} {
		if err := json.Unmarshal([]byte(b.get(path, 200)), into); err != nil {
			t.Fatal(err)
		}
	}
	var out strings.Builder
	if err := web.WriteText(&out, status, list.Objectives, coloured); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTextIsATable(t *testing.T) {
	b := platform(t)
	want := `Every span that the source shows is counted.
Objectives are measured up to 2026-03-02 02:00:00 UTC: 6, of which 2 in trouble.

   OBJECTIVE              SERVICE    PROMISED        GOOD  LEFT     COVERAGE  STATE
▲  checkout-availability  shop       99% over 30d    85%   -1,400%  0.2%      burns above 14.4 (page)
▲  each                   shop       99% over 30d    85%   -1,400%  0.2%      burns above 14.4 (page)
●  each                   catalogue  99% over 30d    100%  100.0%   0.2%      ok
●  month                  catalogue  99% over month  100%  100.0%   7.7%      ok
‖  search                 catalogue  99% over 30d    100%  100.0%   0.2%      excluded now
○  nothing                nobody     99% over 30d    none           0.2%      no events
`
	got := written(t, b, false)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	coloured := written(t, b, true)
	if !strings.Contains(coloured, "\x1b[31mburns above 14.4 (page)\x1b[0m") || !strings.Contains(coloured, "\x1b[32mok\x1b[0m") {
		t.Errorf("there are no colours:\n%q", coloured)
	}
	for _, code := range []string{"\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m", "\x1b[0m"} {
		coloured = strings.ReplaceAll(coloured, code, "")
	}
	if diff := cmp.Diff(got, coloured); diff != "" {
		t.Errorf("-plain +coloured\n%s", diff)
	}
}

func TestTextCannotSteerTheTerminal(t *testing.T) {
	hostile := "\x1b]0;owned\x07\x1b[2J\r\n\u202e\u009b31m" + strings.Repeat("x", 4096)
	var out strings.Builder
	err := web.WriteText(&out, web.Status{Reading: web.Reading{State: web.Current, Text: hostile}},
		[]web.Objective{{SLO: hostile, Service: hostile, Target: hostile, Window: hostile, Good: hostile, Text: hostile, State: web.State(hostile)}}, false)
	if err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if i := strings.IndexFunc(got, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) }); i >= 0 {
		t.Errorf("%q reaches the terminal", got[i:min(len(got), i+10)])
	}
	lines := strings.Split(got, "\n")
	if last := lines[len(lines)-2]; !strings.HasPrefix(last, "?") || len([]rune(last)) > 500 {
		t.Errorf("the row has %d characters: %.80s", len([]rune(last)), last)
	}
}

func TestTextSaysWhatIsNotThereYet(t *testing.T) {
	if got := written(t, newBench(t), false); !strings.Contains(got, "There are no objectives yet; write them under slos") {
		t.Errorf("got %s", got)
	}
	if got := written(t, newBench(t, available("a", "shop")), false); !strings.Contains(got, "Nothing is measured yet; objectives: 1.") || !strings.Contains(got, "◆  a          shop     99% over 30d  none                  not measured yet") {
		t.Errorf("got %s", got)
	}
}
