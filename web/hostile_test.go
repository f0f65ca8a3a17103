package web_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/net/html"

	"github.com/traceslo/traceslo/web"
)

// inert checks that a page holds no script but ours, no style and no handler,
// loads nothing from elsewhere, and hides nothing in what it shows.
func inert(t testing.TB, path, page string) {
	t.Helper()
	plain := func(what string) {
		if i := strings.IndexFunc(what, func(r rune) bool { return r != '\n' && (unicode.IsControl(r) || unicode.Is(unicode.Cf, r)) }); i >= 0 {
			t.Errorf("%s: hides something in %q", path, what)
		}
	}
	scripts := 0
	for z := html.NewTokenizer(strings.NewReader(page)); ; {
		kind := z.Next()
		if kind == html.ErrorToken {
			if z.Err() != io.EOF {
				t.Fatal(z.Err())
			}
			break
		}
		e := z.Token()
		switch {
		case kind == html.TextToken:
			plain(e.Data)
			continue
		case kind == html.EndTagToken:
			continue
		case e.Data == "script":
			scripts++
			if len(e.Attr) == 0 || !strings.HasSuffix(e.Attr[0].Val, "/refresh.js") {
				t.Errorf("%s: has %v", path, e)
			}
		case slices.Contains([]string{"style", "iframe", "object", "embed", "img", "base"}, e.Data), strings.Contains(e.String(), "http-equiv"):
			t.Errorf("%s: has %v", path, e)
		}
		for _, a := range e.Attr {
			loads := a.Key == "src" || a.Key == "href" && e.Data == "link" || a.Key == "action"
			leads := a.Key == "href" && strings.Contains(a.Val, ":") && !regexp.MustCompile(`^(https://|\./|\.\./|\?|#)`).MatchString(a.Val)
			if strings.HasPrefix(a.Key, "on") || a.Key == "style" || a.Key == "srcdoc" || loads && strings.Contains(a.Val, ":") || leads {
				t.Errorf("%s: %v has %s=%q", path, e.Data, a.Key, a.Val)
			}
			if a.Key != "value" { // which has to be what it is
				plain(a.Val)
			}
		}
	}
	if scripts != 1 {
		t.Errorf("%s: has %d scripts", path, scripts)
	}
}

// Texts as whoever sends spans may choose them.
var hostile = []string{
	`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `' onmouseover='alert(1)`, "pay\u202egnp.exe", "a\u200b\x1b[31mb\x00", `javascript:alert(1)`, `{{.}} ${x} </title></style>`,
	strings.Repeat("試", 256), strings.Repeat("x", 256), "../../etc/passwd", "a?b#c&service=d%00%2F",
}

func TestHostileNamesAreShownHarmless(t *testing.T) {
	service := available("each", "any")
	service.Service, service.ForEach, service.SLI = "", "service", available("", "=~.*").SLI
	operation := available("op", "=~.*")
	operation.Service, operation.ForEach = "shop", "operation"
	b := newBench(t, service, operation)
	for minute := range 5 {
		for _, text := range hostile {
			name := text
			if len(name) > 256 {
				name = strings.Repeat("ü", 128)
			}
			b.span(minute, name, text, name)
		}
	}
	b.read(6)
	paths := []string{"/", "/slo/each", "/slo/op", "/feed"}
	var list web.Objectives
	if err := json.Unmarshal([]byte(b.get("/api/v1/objectives", 200)), &list); err != nil {
		t.Fatal(err)
	}
	if len(list.Objectives) != 2*len(hostile) {
		t.Fatalf("%d objectives", len(list.Objectives))
	}
	for _, o := range list.Objectives {
		paths = append(paths, "/"+o.Path)
		escaped := url.PathEscape(o.SLO)
		for _, path := range []string{"/badge/" + escaped + ".svg", "/api/v1/objectives/" + escaped + "/traces"} {
			answer := b.do(http.MethodGet, path+"?service="+url.QueryEscape(o.Service))
			if answer.Code != http.StatusOK {
				t.Errorf("%s: got %d: %s", path, answer.Code, answer.Body)
			}
			if strings.HasPrefix(path, "/badge/") {
				wellFormed(t, answer.Body.String())
			}
		}
	}
	for _, path := range paths {
		page := b.get(path, 200)
		inert(t, path, page)
		// Nothing is so long that it breaks what is around it; titles have it whole.
		visible := regexp.MustCompile(`(?s)<pre.*?</pre>|<[^>]*>`).ReplaceAllString(page, " ")
		if word := regexp.MustCompile(`x{130}|試{130}`).FindString(visible); word != "" {
			t.Errorf("%s: shows %d letters in a row", path, len([]rune(word)))
		}
	}
}

func FuzzRequests(f *testing.F) {
	b := platform(f)
	f.Add("/api/v1/objectives", "state=ok&page=1")
	f.Add("/api/v1/objectives/search/events", "from=1h&to=0&step=1m")
	f.Add("/api/v1/objectives/each/culprits", "service=shop&from=2026-03-01T00:00:00Z")
	f.Add("/slo/%2e%2e/", "service=%00")
	f.Add("/badge/search.svg", "service=catalogue")
	f.Add("/", "label==&q=%e2%80%ae")
	f.Fuzz(func(t *testing.T, path, query string) {
		u := &url.URL{Path: "/" + strings.TrimLeft(path, "/"), RawQuery: query}
		request, err := http.NewRequest(http.MethodGet, "http://127.0.0.1"+u.EscapedPath()+"?"+query, nil)
		if err != nil {
			return
		}
		answer := httptest.NewRecorder()
		b.server.ServeHTTP(answer, request)
		if answer.Code >= 500 {
			t.Fatalf("%s?%s: %d: %s\n%s", path, query, answer.Code, answer.Body, b.log)
		}
		// A path that is not clean is sent to the clean one, by http.ServeMux.
		if redirected := answer.Code/100 == 3; !redirected && strings.HasPrefix(answer.Header().Get("Content-Type"), "text/html") {
			inert(t, path, answer.Body.String())
		}
	})
}
