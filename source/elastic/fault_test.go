package elastic_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
)

// say answers with a status, a content type and a body.
func say(status int, contentType, body string) func(http.ResponseWriter, int) bool {
	return func(w http.ResponseWriter, _ int) bool {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
		return true
	}
}

// first makes what is answered end after so many requests; then all is well.
func first(n int, answer func(http.ResponseWriter, int) bool) func(http.ResponseWriter, int) bool {
	return func(w http.ResponseWriter, attempt int) bool { return attempt <= n && answer(w, attempt) }
}

// hits is a search answer, with documents of the given numbers.
func hits(numbers ...int) string {
	var b strings.Builder
	b.WriteString(`{"took":1,"timed_out":false,"_shards":{"total":1,"successful":1,"skipped":0,"failed":0},"hits":{"hits":[`)
	for i, n := range numbers {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"_index":"i","_id":"%d","_source":{"traceID":"1","spanID":"%x","process":{"serviceName":"shop"},"startTime":1,"duration":1},"sort":[%d]}`, n, n+1, n)
	}
	b.WriteString(`]}}`)
	return b.String()
}

func complain(typ, reason string, status int) func(http.ResponseWriter, int) bool {
	return say(status, "application/json", fmt.Sprintf(`{"error":{"root_cause":[{"type":%q,"reason":%q}],"type":%[1]q,"reason":%[2]q},"status":%[3]d}`, typ, reason, status))
}

const asJSON = "application/json"

func TestWhatIsNoAnswerIsAnError(t *testing.T) {
	healed := source.ErrorKind("")
	for _, test := range []struct {
		name string
		// on is the operation that the fault befalls; answer gets the number of the attempt.
		on       string
		answer   func(w http.ResponseWriter, attempt int) bool
		kind     source.ErrorKind
		attempts int
		says     string
	}{
		{"a page of HTML is no answer", "search", say(200, "text/html", "<html><title>Please log in</title>"), source.Protocol, 1, `200 with text/html, which begins with "<html><title>Please log in</title>"`},
		{"an answer that is cut off is asked for again", "search", cutOff, source.Unreachable, 5, "closed before the answer was whole"},
		{"a connection that breaks once does no harm", "search", first(1, cutOff), healed, 2, ""},
		{"JSON that ends early is no answer", "search", say(200, asJSON, `{"took":1,"_shards":{"total":1`), source.Protocol, 1, "broken or cut off"},
		{"an answer of success with an error inside is no answer", "search", say(200, asJSON, `{"error":{"type":"x","reason":"y"}}`), source.Protocol, 1, "no _shards"},
		{"an empty answer is none", "search", say(200, asJSON, ""), source.Protocol, 1, "an empty answer"},
		{"a failed shard makes an answer partial", "search", say(200, asJSON, `{"timed_out":false,"_shards":{"total":1,"successful":0,"failed":1,"failures":[{"shard":0,"reason":{"type":"node_gone","reason":"bye"}}]},"hits":{"hits":[]}}`), source.Partial, 5, "0 of 1 shards answered: node_gone: bye"},
		{"a shard that timed out makes an answer partial", "search", say(200, asJSON, strings.Replace(hits(), "false", "true", 1)), source.Partial, 5, "timed out"},
		{"an answer of no shard at all is partial", "search", say(200, asJSON, `{"timed_out":false,"_shards":{"total":0,"successful":0,"failed":0},"hits":{"hits":[]}}`), source.Partial, 5, "0 shards were asked"},
		{"documents in the wrong order are refused", "search", say(200, asJSON, hits(1, 0)), source.Protocol, 1, "not in the order"},
		{"a document that comes twice is refused", "search", say(200, asJSON, hits(1, 1)), source.Protocol, 1, "not in the order"},
		{"documents beyond the range are refused", "search", say(200, asJSON, hits(0, 7)), source.Protocol, 1, "not in the range (-1, 1]"},
		{"more documents than asked for are refused", "search", say(200, asJSON, hits(0, 1, 2)), source.Protocol, 1, "3 documents instead of at most 2"},
		{"a cluster with too much to do is asked again", "search", first(2, complain("es_rejected_execution_exception", "queue is full", 429)), healed, 3, ""},
		{"a cluster that stays busy is left to the feed", "search", complain("es_rejected_execution_exception", "queue is full", 429), source.Rejected, 5, "429: es_rejected_execution_exception: queue is full"},
		{"a gateway without a cluster is asked again", "stats", first(3, say(502, "text/html", "<html>Bad Gateway")), healed, 4, ""},
		{"a gateway that waits in vain is a timeout", "stats", say(504, "text/html", "<html>Gateway Time-out"), source.Timeout, 5, `504: text/html, which begins with "<html>Gateway Time-out"`},
		{"no master is asked again", "stats", first(1, complain("master_not_discovered_exception", "", 503)), healed, 2, ""},
		{"credentials that are refused are not tried again", "stats", complain("security_exception", "unable to authenticate user [u] for REST request [/]", 401), source.Unauthorized, 1, "unable to authenticate user [u]"},
		{"a missing right is named", "stats", complain("security_exception", "action [indices:monitor/stats] is unauthorized for user [u] with effective roles [r] on indices [rec-jaeger-span-*], this action is granted by the index privileges [monitor,manage,all]", 403), source.Forbidden, 1, `grant the index privilege "monitor" on "rec-jaeger-span-*" to traceslo's role`},
		{"a missing right is named where the cluster offers other ones", "search", complain("security_exception", "this action is granted by the index privileges [special,all]", 403), source.Forbidden, 1, `grant the index privilege "special" on`},
		{"a missing right is named by OpenSearch's action", "stats", complain("security_exception", "no permissions for [indices:monitor/stats] and User [name=u, backend_roles=[], requestedTenant=null]", 403), source.Forbidden, 1, `grant the action "indices:monitor/stats" on "rec-jaeger-span-*"`},
		{"a refusal by somebody else names what is needed", "search", say(403, "text/plain", "no"), source.Forbidden, 1, `grant the index privilege "read" on`},
		{"a blocked index is no missing right", "search", complain("cluster_block_exception", "index [i] blocked by: [FORBIDDEN/7/index read (api)];", 403), source.Partial, 5, "blocked by"},
		{"an index that is deleted meanwhile is surveyed again", "search", complain("index_not_found_exception", "no such index [i]", 404), source.Partial, 1, "no such index"},
		{"an index that is closed meanwhile is surveyed again", "refresh", complain("index_closed_exception", "closed", 400), source.Partial, 1, "index_closed_exception"},
		{"a copy that does not refresh shows not all", "refresh", say(200, asJSON, `{"_shards":{"total":2,"successful":1,"failed":1,"failures":[{"reason":{"type":"io","reason":"disk"}}]}}`), source.Partial, 5, "1 failed to: io: disk"},
		{"a refresh without _shards is no answer", "refresh", say(200, asJSON, `{}`), source.Protocol, 1, "no _shards"},
		{"an answer that leads elsewhere is not followed", "stats", redirect, source.Protocol, 1, "https://elsewhere.example/"},
		{"a path that is nothing to it is told", "stats", say(404, "text/plain", "not found"), source.Protocol, 1, "path in addresses"},
		{"a request that is refused is not tried again", "search", complain("illegal_argument_exception", "_seq_no cannot be queried", 400), source.Protocol, 1, "_seq_no cannot be queried"},
		{"gzip that is none is no answer", "search", notGzip, source.Protocol, 1, "not the gzip"},
		{"statistics of which no shard tells are none", "stats", say(200, asJSON, `{"_shards":{"total":2,"successful":0,"failed":2,"failures":[{"reason":{"type":"a","reason":"b"}}]}}`), source.Partial, 5, "none of 2 shards answers: a: b"},
		{"statistics without a UUID are none", "stats", say(200, asJSON, `{"_shards":{"total":1,"successful":1,"failed":0},"indices":{"rec-jaeger-span-2026-01-02":{}}}`), source.Protocol, 1, "no uuid"},
		{"settings without a date are none", "settings", say(200, asJSON, `{"rec-jaeger-span-2026-01-02":{"settings":{"index":{"uuid":"u"}}}}`), source.Protocol, 1, "creation_date"},
		{"a cluster that tells nothing of itself is read", "cluster", say(405, asJSON, `{"error":"Incorrect HTTP method","status":405}`), healed, 1, ""},
		{"a long complaint is cut", "search", complain("x", strings.Repeat("long ", 1000), 500), source.Rejected, 5, "…"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				attempts := 0
				c.on[test.on] = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
					attempts++
					return test.answer(w, attempts)
				}
				s, end := c.serve(nil)
				defer end()
				pages, err := surveyAndRead(t.Context(), s)
				if err == nil && test.kind != healed || err != nil && source.KindOf(err) != test.kind {
					t.Fatalf("got %v, want kind %q", err, test.kind)
				}
				if attempts != test.attempts {
					t.Errorf("asked %d times, want %d", attempts, test.attempts)
				}
				if err == nil {
					return
				}
				if pages != 0 {
					t.Errorf("%d pages were handed over all the same", pages)
				}
				if text := err.Error(); !strings.Contains(text, test.says) || len(text) > 700 || strings.ContainsAny(text, "\n\r\t") {
					t.Errorf("got %q, want in it %q", text, test.says)
				}
			})
		})
	}
}

// surveyAndRead reads the recorded index's first shard.
func surveyAndRead(ctx context.Context, s *elastic.Source) (pages int, err error) {
	v, err := s.Survey(ctx)
	if err != nil {
		return 0, err
	}
	for _, index := range v.Indices {
		if index.Name == recordedIndex {
			err = s.Read(ctx, all(v, index, 0), func(*source.Page) error { pages++; return nil })
		}
	}
	return pages, err
}

// cutOff announces more than it sends.
func cutOff(w http.ResponseWriter, _ int) bool {
	w.Header().Set("Content-Length", "1000")
	_, _ = io.WriteString(w, `{"took":1,`)
	panic(http.ErrAbortHandler)
}

func redirect(w http.ResponseWriter, _ int) bool {
	w.Header().Set("Location", "https://elsewhere.example/")
	w.WriteHeader(http.StatusFound)
	return true
}

func notGzip(w http.ResponseWriter, _ int) bool {
	w.Header().Set("Content-Encoding", "gzip")
	_, _ = io.WriteString(w, "this is no gzip at all, though it says so")
	return true
}

func TestTheClusterIsLeftAloneForAsLongAsItAsks(t *testing.T) {
	for _, test := range []struct {
		name, after string
		attempts    int
		atLeast     time.Duration // until it is asked again
		kept        time.Duration // told to the feed
	}{
		{"seconds are waited", "3", 2, 3 * time.Second, 0},
		{"a date is waited for", "date", 2, 4 * time.Second, 0},
		{"a long time is left to the feed", "120", 1, 0, 2 * time.Minute},
		{"more than an hour is an hour", "999999999", 1, 0, time.Hour},
		{"nonsense is nothing", "soon", 2, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				attempts := 0
				c.on["search"] = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
					attempts++
					if attempts > 1 {
						return false
					}
					after := test.after
					if after == "date" {
						after = time.Now().Add(5 * time.Second).UTC().Format(http.TimeFormat)
					}
					w.Header().Set("Retry-After", after)
					return complain("x", "busy", 429)(w, attempts)
				}
				s, end := c.serve(nil)
				defer end()
				began := time.Now()
				_, err := surveyAndRead(t.Context(), s)
				if took := time.Since(began); took < test.atLeast || took > test.atLeast+2*time.Second {
					t.Errorf("took %v, want %v", took, test.atLeast)
				}
				if attempts != test.attempts {
					t.Errorf("asked %d times, want %d", attempts, test.attempts)
				}
				var e *source.Error
				if errors.As(err, &e); (e == nil) != (test.kept == 0) || e != nil && e.RetryAfter != test.kept {
					t.Errorf("got %v, want it to be told to wait %v", err, test.kept)
				}
			})
		})
	}
}

func TestEveryRequestHasADeadline(t *testing.T) {
	for _, operation := range []string{"clock", "stats", "settings", "refresh", "search"} {
		t.Run(operation, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCluster(t)
				c.on[operation] = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
					<-r.Context().Done()
					return true
				}
				var observed []string
				s, end := c.serve(func(o *elastic.Options) {
					o.Config.RequestTimeout = 31 * time.Second
					o.Observe = func(operation, status string, _ time.Duration) { observed = append(observed, operation+" "+status) }
				})
				defer end()
				began := time.Now()
				_, err := surveyAndRead(t.Context(), s)
				if source.KindOf(err) != source.Timeout || time.Since(began) != 31*time.Second {
					t.Errorf("got %v after %v", err, time.Since(began))
				}
				if last := observed[len(observed)-1]; last != operation+" timeout" {
					t.Errorf("observed %q", last)
				}

				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				defer cancel()
				began = time.Now()
				if _, err := surveyAndRead(ctx, s); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Second {
					t.Errorf("when the caller's time is up: got %v after %v", err, time.Since(began))
				}
			})
		})
	}
}

func TestSecretsThatTheClusterRepeatsAreNotShown(t *testing.T) {
	for name, set := range map[string]func(*elastic.Config){
		"password":         func(c *elastic.Config) { c.Auth.Basic = elastic.Basic{Username: "u", Password: "hush-hush"} },
		"API key":          func(c *elastic.Config) { c.Auth.APIKey = "id:hush-hush" },
		"bearer token":     func(c *elastic.Config) { c.Auth.BearerToken = "hush-hush" },
		"value of headers": func(c *elastic.Config) { c.Headers = map[string]config.Secret{"X-Token": "hush-hush"} },
	} {
		t.Run(name, func(t *testing.T) {
			for _, answer := range []func(string) func(http.ResponseWriter, int) bool{
				func(echo string) func(http.ResponseWriter, int) bool { return complain("x", echo, 400) },
				func(echo string) func(http.ResponseWriter, int) bool { return say(200, "text/html", echo) },
				func(echo string) func(http.ResponseWriter, int) bool { return say(403, "text/plain", echo) },
			} {
				c := newCluster(t)
				var sent string
				c.on["stats"] = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
					_, sent, _ = strings.Cut(r.Header.Get("Authorization"), " ")
					return answer("hush-hush "+sent)(w, 1)
				}
				s, end := c.serve(func(o *elastic.Options) { set(&o.Config) })
				_, err := s.Survey(t.Context())
				end()
				if err == nil || strings.Contains(err.Error(), "hush") || sent != "" && strings.Contains(err.Error(), sent) {
					t.Errorf("got %v", err)
				}
			}
		})
	}
}

// bomb is an answer that inflates beyond what is read.
func bomb(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	spaces := bytes.Repeat([]byte(" "), 1<<20)
	_, _ = w.Write([]byte("{"))
	for range elastic.MaxAnswer>>20 + 1 {
		if _, err := w.Write(spaces); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAnAnswerThatInflatesWithoutEndIsNotRead(t *testing.T) {
	c := newCluster(t)
	body := bomb(t)
	c.on["stats"] = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(body)
		return true
	}
	s, end := c.serve(nil)
	defer end()
	if _, err := s.Survey(t.Context()); source.KindOf(err) != source.Protocol || !strings.Contains(err.Error(), "larger than 64 MiB") {
		t.Errorf("got %v", err)
	}
}
