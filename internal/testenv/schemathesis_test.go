package testenv_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/traceslo/traceslo/internal/testenv"
)

const double = `openapi: 3.0.3
info: {title: Double, version: "1"}
paths:
  /double:
    get:
      parameters:
        - {name: n, in: query, required: true, schema: {type: integer, minimum: 0, maximum: 100}}
      responses:
        "200":
          description: Twice as much
          content: {application/json: {schema: {type: object, required: [double], properties: {double: {type: integer}}}}}
        "400": {description: Not understood}
`

func TestSchemathesisNoticesWhatIsNotAsPromised(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter, n string)
		want   string // Empty for none.
	}{
		{name: "an API that keeps its word", answer: func(w http.ResponseWriter, _ string) { answerJSON(w, 200, `{"double": 2}`) }},
		{name: "a failure at the edge", answer: func(w http.ResponseWriter, n string) {
			if n == "100" {
				w.WriteHeader(http.StatusInternalServerError)
				return
			}
			answerJSON(w, 200, `{"double": 2}`)
		}, want: "Server error"},
		{name: "an answer of another shape", answer: func(w http.ResponseWriter, _ string) { answerJSON(w, 200, `{"double": "two"}`) }, want: "Response violates schema"},
		{name: "a status that is not named", answer: func(w http.ResponseWriter, _ string) { answerJSON(w, 404, `{}`) }, want: "Undocumented status code"},
	} {
		t.Run(c.name, func(t *testing.T) {
			mux := http.NewServeMux()
			mux.HandleFunc("GET /openapi.yaml", func(w http.ResponseWriter, _ *http.Request) {
				if _, err := w.Write([]byte(double)); err != nil {
					t.Error(err)
				}
			})
			mux.HandleFunc("GET /double", func(w http.ResponseWriter, r *http.Request) { c.answer(w, r.URL.Query().Get("n")) })
			server := httptest.NewServer(mux)
			defer server.Close()
			out, err := testenv.Schemathesis(t, server.URL+"/openapi.yaml", server.URL, "20", "negative_data_rejection")
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(out, c.want)) {
				t.Errorf("it ends with %v, want %q:\n%s", err, c.want, out)
			}
		})
	}
}

func answerJSON(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}
