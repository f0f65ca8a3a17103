package peers_test

import (
	"encoding/json"
	"math/rand/v2"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/traceslo/traceslo/slo"
)

// TestWrongAnswers are refused, with words that tell what is wrong, and do not count.
func TestWrongAnswers(t *testing.T) {
	head := slo.PartHead{Format: slo.PartFormat, Reader: "2/2", Configuration: "same", Seq: 1, Mark: "00", Watermark: time.Now().UnixMilli()}
	next := head
	next.Seq = 2
	with := func(change func(*slo.PartHead)) any {
		h := head
		change(&h)
		return slo.Part{PartHead: h, Increments: []slo.Increment{}}
	}
	series := [][3]string{{"a", objective.Fingerprint(), ""}}
	for name, test := range map[string]struct {
		answer any
		says   string
	}{
		"itself":                  {with(func(h *slo.PartHead) { h.Reader = "1/2" }), `it says that it is reader "1/2"`},
		"another number":          {with(func(h *slo.PartHead) { h.Reader = "2/3" }), `it says that it is reader "2/3"`},
		"another configuration":   {with(func(h *slo.PartHead) { h.Configuration = "other" }), "it counts by another configuration"},
		"another format":          {with(func(h *slo.PartHead) { h.Format = 2 }), "in format 2"},
		"a page":                  {"<html>", "the answer is not traceslo's"},
		"an error":                {http.StatusForbidden, "403"},
		"a redirect":              {http.StatusFound, "302"},
		"an answer without end":   {-1, "longer than"},
		"more bad than all":       {slo.Part{PartHead: next, Increments: []slo.Increment{{Series: series, Minutes: [][4]int64{{0, 1, 1, 2}}}}}, "it tells what no ledger has"},
		"a series that is not":    {slo.Part{PartHead: next, Increments: []slo.Increment{{Series: series, Minutes: [][4]int64{{7, 1, 1, 1}}}}}, "it tells what no ledger has"},
		"an earlier answer":       {slo.Part{PartHead: head, Increments: []slo.Increment{{Series: series, Minutes: [][4]int64{{0, 1, 1, 1}}}}}, "it tells 1 increments up to number 1, and was asked for those after 1"},
		"an increment of nothing": {json.RawMessage(`{"increments": 5}`), "the answer is not traceslo's"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSet(t, 2)
			rnd := rand.New(rand.NewPCG(1, 1))
			for _, r := range s.readers {
				r.count(some(rnd))
			}
			s.step()
			wrong := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				switch answer := test.answer.(type) {
				case int:
					if answer > 0 {
						w.Header().Set("Location", s.readers[1].server.URL)
						w.WriteHeader(answer)
						return
					}
					for range 40 {
						_, _ = w.Write(make([]byte, 1<<20))
					}
				case string:
					_, _ = w.Write([]byte(answer))
				default:
					// It judges since when it did before.
					if part, ok := answer.(slo.Part); ok {
						part.Measures = []slo.PartMeasure{{Name: "a", Fingerprint: objective.Fingerprint(), Holes: [][2]int64{}}}
						answer = part
					}
					_ = json.NewEncoder(w).Encode(answer)
				}
			})
			s.readers[1].answer.Store(&wrong)
			s.step()
			missing := s.union.Missing()
			if len(missing) != 1 || missing[0].Reader != "2/2" || !strings.Contains(missing[0].Why, test.says) {
				t.Errorf("got %v, want one that says %q", missing, test.says)
			}
			s.readers[1].answer.Store(nil)
			s.step()
			s.check()
		})
	}
}

// TestABrokenConnectionIsToldOnce has a reader hang up in the middle of each answer.
func TestABrokenConnectionIsToldOnce(t *testing.T) {
	s := newSet(t, 2)
	for _, r := range s.readers {
		r.count(nil)
	}
	s.step()
	hangUp := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		// What is sent and not read is reset, not ended.
		_ = conn.(*net.TCPConn).SetLinger(0)
		_ = conn.Close()
	})
	s.readers[1].answer.Store(&hangUp)
	for range 5 {
		s.step()
	}
	if n := strings.Count(s.log.String(), "a reader is not added up"); n != 1 {
		t.Errorf("it is told %d times:\n%s", n, &s.log)
	}
}
