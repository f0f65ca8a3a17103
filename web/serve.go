package web

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // assets
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"

	"github.com/traceslo/traceslo/internal/plot"
)

var (
	//go:embed static/style.css
	ownStyle string
	style    = []byte(ownStyle + plot.CSS)
	//go:embed static/refresh.js
	refresh []byte
	//go:embed static/icon.svg
	icon []byte
	//go:embed openapi.yaml
	openAPI []byte
)

// policy lets a page load what this server has, send its form here, and nothing else.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// guard sets the headers that every answer has.
func guard(w http.ResponseWriter, contentType, cache string) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cache-Control", cache)
}

// asset answers with what does not change while the daemon runs.
func asset(contentType string, content []byte) http.Handler {
	sum := sha256.Sum256(content)
	tag := `"` + hex.EncodeToString(sum[:8]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Asked for again each time, and not sent again as long as it is the same.
		guard(w, contentType, "no-cache")
		w.Header().Set("ETag", tag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}

// json answers with what a handler returns, or with its problem.
func (s *Server) json(handler func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		answer, err := handler(r)
		if err != nil {
			p := s.problemOf(r, err)
			answer, status = struct {
				Error *Problem `json:"error"`
			}{p}, p.status
		}
		text, err := json.Marshal(answer)
		if err != nil {
			s.Log.Error().Err(err).Str("path", r.URL.Path).Msg("write an answer as JSON")
			http.Error(w, "the answer cannot be written", http.StatusInternalServerError)
			return
		}
		guard(w, "application/json; charset=utf-8", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write(append(text, '\n'))
	})
}
