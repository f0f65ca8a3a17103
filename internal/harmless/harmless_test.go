package harmless_test

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/traceslo/traceslo/internal/harmless"
)

func TestText(t *testing.T) {
	for _, test := range []struct{ name, in, want string }{
		{"plain", "GET /api/v1/matches/{id}", "GET /api/v1/matches/{id}"},
		{"letters of other scripts", "größe 試合 العربية", "größe 試合 العربية"},
		{"turned direction", "pay\u202eEVIL", `pay\u202EEVIL`},
		{"isolates and marks", "\u2066a\u2069\u200f", `\u2066a\u2069\u200F`},
		{"line breaks", "a\r\nb\u2028c", `a\u000D\u000Ab\u2028c`},
		{"escape sequence", "\x1b[31mred", `\u001B[31mred`},
		{"no width", "a\u200bb\ufeffc\u00ad", `a\u200Bb\uFEFFc\u00AD`},
		{"spaces that look like one", "a\u00a0b", `a\u00A0b`},
		{"filler", "a\u3164b", `a\u3164b`},
		{"tags", "a\U000e0041", `a\U000E0041`},
		{"no UTF-8", "a\xffb", "a\ufffdb"},
		{"markup is not its job", "<b>&amp;|*", "<b>&amp;|*"},
		{"empty", "", ""},
	} {
		if got := harmless.Text(test.in); got != test.want {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
		}
	}
}

func TestCut(t *testing.T) {
	for _, test := range []struct {
		in    string
		limit int
		want  string
	}{{"abcdef", 6, "abcdef"}, {"abcdefg", 6, "abcde…"}, {"試合試合", 3, "試合…"}, {"a\nb", 4, `a\u…`}} {
		if got := harmless.Cut(test.in, test.limit); got != test.want {
			t.Errorf("%q cut at %d: got %q, want %q", test.in, test.limit, got, test.want)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add("pay\u202eEVIL\x00\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := harmless.Text(s)
		if !utf8.ValidString(got) {
			t.Fatalf("%q is no UTF-8", got)
		}
		if i := strings.IndexFunc(got, func(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Cf, r) }); i >= 0 {
			t.Fatalf("%q still hides something at %d", got, i)
		}
		if again := harmless.Text(got); again != got {
			t.Fatalf("%q becomes %q", got, again)
		}
	})
}
