package press_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo/report/press"
)

// A taken is what a receiver was sent.
type taken struct {
	delivery, name, period, mediaType, signature, body string
}

// A receiver answers with each of its codes once, and then with the last.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	codes []int
	took  []taken
}

func newReceiver(t *testing.T, start func(http.Handler) *httptest.Server, codes ...int) *receiver {
	r := &receiver{codes: codes}
	r.Server = start(r)
	t.Cleanup(r.Close)
	return r
}

// quietTLS starts a server that keeps to itself who does not trust it.
func quietTLS(h http.Handler) *httptest.Server {
	s := httptest.NewUnstartedServer(h)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	return s
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	h := request.Header
	r.mu.Lock()
	defer r.mu.Unlock()
	r.took = append(r.took, taken{h.Get("X-Traceslo-Delivery"), h.Get("X-Traceslo-Report"), h.Get("X-Traceslo-Period"), h.Get("Content-Type"), h.Get("X-Traceslo-Signature"), string(body)})
	code := r.codes[0]
	if len(r.codes) > 1 {
		r.codes = r.codes[1:]
	}
	w.WriteHeader(code)
}

func (r *receiver) all() []taken {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.took
}

var (
	monday = time.Date(2026, time.November, 23, 5, 0, 0, 0, time.UTC)
	before = monday.Add(-time.Hour)
)

// due returns a bench with a webhook whose report is due on monday and can be printed.
func due(t *testing.T, hook press.Webhook) *bench {
	b := newBench(t, before, func(c *press.Config) { c.Webhook = &hook })
	b.read(monday)
	b.step(before)
	return b
}

// try takes a step and returns its error's text.
func (b *bench) try(at time.Time) string {
	if err := b.press.Step(context.Background(), at); err != nil {
		return err.Error()
	}
	return ""
}

// verify recounts a signature from its documentation.
func verify(t *testing.T, secret string, got taken) {
	t.Helper()
	at, code, ok := strings.Cut(strings.TrimPrefix(got.signature, "t="), ",v1=")
	mac := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(mac, "%s.%s.%s", at, got.delivery, got.body)
	if want := hex.EncodeToString(mac.Sum(nil)); !ok || code != want {
		t.Errorf("the signature is %q, want v1=%s", got.signature, want)
	}
}

func TestAReportIsSentUntilItIsTaken(t *testing.T) {
	r := newReceiver(t, httptest.NewServer, 500, 503, 204)
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("first\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b := due(t, press.Webhook{URL: config.Secret(r.URL + "/hook?token=hidden"), SecretFile: secret})
	host := strings.TrimPrefix(r.URL, "http://")
	if got, want := b.try(monday), `send the report "weekly_2026-11-23T0500Z", attempt 1 of 10: `+host+` answers 500 Internal Server Error`; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	b.wantGauges(map[string]float64{"runs_total{weekly}": 1, "last_success_timestamp_seconds{weekly}": float64(monday.Unix()),
		"failures_total{status weekly}": 1, "pending_deliveries{weekly}": 1})
	// A restart neither forgets it nor hurries, and the secret has changed since.
	if err := os.WriteFile(secret, []byte("second"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.load(monday.Add(30 * time.Second))
	for _, at := range []time.Duration{30 * time.Second, time.Minute, 2 * time.Minute, 3 * time.Minute, 4 * time.Minute, time.Hour} {
		b.try(monday.Add(at))
	}
	all := r.all()
	if len(all) != 3 {
		t.Fatalf("it was sent %d times, want 3", len(all))
	}
	file, err := os.ReadFile(filepath.Join(b.config.Folder, "weekly_2026-11-23T0500Z.json"))
	if err != nil {
		t.Fatal(err)
	}
	for i, got := range all {
		verify(t, []string{"first", "second", "second"}[i], got)
		got.signature = ""
		want := taken{"weekly_2026-11-23T0500Z", "weekly", "2026-W47", "application/json", "", string(file)}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(taken{})); diff != "" {
			t.Errorf("attempt %d (-want +got):\n%s", i+1, diff)
		}
	}
	b.wantGauges(map[string]float64{"runs_total{weekly}": 1, "last_success_timestamp_seconds{weekly}": float64(monday.Unix()),
		"failures_total{status weekly}": 2, "deliveries_total{weekly delivered}": 1})
}

func TestAReportIsGivenUpAtLast(t *testing.T) {
	r := newReceiver(t, httptest.NewServer, 500)
	b := due(t, press.Webhook{URL: config.Secret(r.URL), Attempts: 3})
	said := ""
	for at := monday; at.Before(monday.Add(24 * time.Hour)); at = at.Add(time.Minute) {
		if text := b.try(at); text != "" {
			said = text
		}
		if at.Equal(monday.Add(2 * time.Minute)) {
			b.load(at) // what was tried counts across a restart
		}
	}
	if n := len(r.all()); n != 3 {
		t.Errorf("it was sent %d times, want 3", n)
	}
	if want := `send the report "weekly_2026-11-23T0500Z": it is not sent any more after 3 attempts`; said != want {
		t.Errorf("the last that is said is %q, want %q", said, want)
	}
	if got := b.gauges(); got["deliveries_total{weekly given_up}"] != 1 || got["pending_deliveries{weekly}"] != 0 {
		t.Errorf("shown are %v", got)
	}
}

func TestWhatGoesWrongWithAWebhook(t *testing.T) {
	elsewhere := newReceiver(t, httptest.NewServer, 200)
	redirect := httptest.NewServer(http.RedirectHandler(elsewhere.URL, http.StatusTemporaryRedirect))
	defer redirect.Close()
	hang := make(chan struct{})
	hanging := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	defer hanging.Close()
	defer close(hang)
	encrypted := newReceiver(t, quietTLS, 200)
	closed := httptest.NewServer(nil)
	closed.Close()
	authority := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(authority, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: encrypted.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	const hidden = "/services/hidden-token"
	for _, test := range []struct {
		name, reason, says string
		hook               press.Webhook
	}{
		{"a redirect is not followed", "redirect", "answers 307, which is not followed; write the URL that it leads to", press.Webhook{URL: config.Secret(redirect.URL + hidden)}},
		{"it hangs", "timeout", "does not answer within 50ms", press.Webhook{URL: config.Secret(hanging.URL + hidden), Timeout: 50 * time.Millisecond}},
		{"nobody listens", "connection", "connection refused", press.Webhook{URL: config.Secret(closed.URL + hidden)}},
		{"its certificate is nobody's", "certificate", "see webhook.ca_file", press.Webhook{URL: config.Secret(encrypted.URL + hidden)}},
		{"it speaks no TLS", "certificate", "see webhook.ca_file", press.Webhook{URL: config.Secret(strings.Replace(elsewhere.URL, "http:", "https:", 1) + hidden)}},
		{"the file of authorities is missing", "certificate", `read "/nowhere/ca.pem": no such file or directory`, press.Webhook{URL: config.Secret(encrypted.URL + hidden), CAFile: "/nowhere/ca.pem"}},
		{"the file of the secret is missing", "secret", `read "/nowhere/secret": no such file or directory`, press.Webhook{URL: config.Secret(elsewhere.URL + hidden), SecretFile: "/nowhere/secret"}},
		{"nothing, by an authority of its own", "", "", press.Webhook{URL: config.Secret(encrypted.URL + hidden), CAFile: authority, Secret: "hidden-secret"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := due(t, test.hook)
			said := b.try(monday)
			if !strings.Contains(said, test.says) || (said == "") != (test.says == "") || strings.Contains(said+b.log.String(), "hidden") {
				t.Errorf("it says %q, want %q and no secret", said, test.says)
			}
			for name, value := range b.gauges() {
				if strings.HasPrefix(name, "failures_total") && (value != 1 || name != "failures_total{"+test.reason+" weekly}") {
					// Labels are in the order of their names.
					t.Errorf("%s is %v, want reason %s", name, value, test.reason)
				}
			}
			if test.reason != "" && b.gauges()["pending_deliveries{weekly}"] != 1 {
				t.Error("it is not tried again")
			}
		})
	}
	if n := len(elsewhere.all()); n != 0 {
		t.Errorf("what was redirected came %d times", n)
	}
	if n := len(encrypted.all()); n != 1 {
		t.Errorf("by TLS, it came %d times, want once", n)
	}
}

func TestRunsAreSentInOrderAndNoMoreThanAFew(t *testing.T) {
	r := newReceiver(t, httptest.NewServer, 500)
	b := newBench(t, before, func(c *press.Config) {
		c.Schedule, c.Period, c.Keep = schedule(t, "* * * * *"), "1h", 1
		c.Webhook = &press.Webhook{URL: config.Secret(r.URL), Attempts: 100}
	})
	b.step(before)
	for minute := range 40 {
		at := before.Add(time.Duration(minute+1) * time.Minute)
		b.read(at)
		b.try(at)
	}
	if got := b.gauges(); got["pending_deliveries{weekly}"] != 20 || got["deliveries_total{weekly given_up}"] != 20 {
		t.Errorf("shown are %v", got)
	}
	r.mu.Lock()
	r.codes, r.took = []int{200}, nil
	r.mu.Unlock()
	b.step(before.Add(24 * time.Hour)) // which prints another
	all := r.all()
	if len(all) != 20 {
		t.Fatalf("%d runs are sent, want 20", len(all))
	}
	for i := 1; i < len(all); i++ {
		if all[i].delivery <= all[i-1].delivery {
			t.Errorf("%s is sent after %s", all[i].delivery, all[i-1].delivery)
		}
	}
	// None was removed before it was sent, and all but one are afterwards.
	b.read(before.Add(25 * time.Hour))
	b.step(before.Add(25 * time.Hour))
	if n := len(b.files()); n != 2 {
		t.Errorf("%d files are left", n)
	}
}

func TestAWebhookThatIsTakenAwayGivesUpWhatItHad(t *testing.T) {
	r := newReceiver(t, httptest.NewServer, 500)
	b := due(t, press.Webhook{URL: config.Secret(r.URL)})
	b.try(monday)
	b.config.Webhook = nil
	b.load(monday.Add(time.Hour))
	b.step(monday.Add(time.Hour))
	if got := b.gauges(); got["pending_deliveries{weekly}"] != 0 || got["deliveries_total{weekly given_up}"] != 1 {
		t.Errorf("shown are %v", got)
	}
}

func TestWhatIsToBeSentIsSentFromWhereItWasPrinted(t *testing.T) {
	r := newReceiver(t, httptest.NewServer, 500, 204)
	b := due(t, press.Webhook{URL: config.Secret(r.URL)})
	b.try(monday)
	printed := filepath.Join(b.config.Folder, "weekly_2026-11-23T0500Z.json")
	text, err := os.ReadFile(printed)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(printed); err != nil {
		t.Fatal(err)
	}
	b.config.Folder = filepath.Join(t.TempDir(), "another")
	b.load(monday.Add(time.Minute))
	want := fmt.Sprintf(`send the report "weekly_2026-11-23T0500Z", attempt 2 of 10: read %q: no such file or directory`, printed)
	if got := b.try(monday.Add(time.Minute)); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := b.gauges()["failures_total{file weekly}"]; got != 1 {
		t.Errorf("it is counted %v times, want once", got)
	}
	if err := os.WriteFile(printed, text, 0o600); err != nil {
		t.Fatal(err)
	}
	b.step(monday.Add(time.Hour))
	if all := r.all(); len(all) != 2 || all[1].body != string(text) {
		t.Errorf("it came %d times, want twice, with what was printed", len(all))
	}
}

func TestWhatAnOlderStateHasToSendIsSentFromTheFolder(t *testing.T) {
	r := newReceiver(t, httptest.NewServer, 500, 204)
	b := due(t, press.Webhook{URL: config.Secret(r.URL)})
	b.try(monday)
	if err := b.store.Update(func(tx *state.Tx) error {
		bucket, key := tx.Bucket("report/press"), []byte("weekly")
		told := bucket.Get(key)
		older := regexp.MustCompile(`"folder":"[^"]*",`).ReplaceAll(told, nil)
		if len(older) == len(told) {
			t.Errorf("no folder stands in %s", told)
		}
		return bucket.Put(key, older)
	}); err != nil {
		t.Fatal(err)
	}
	b.load(monday.Add(time.Minute))
	b.step(monday.Add(time.Minute))
	if n := len(r.all()); n != 2 {
		t.Errorf("it came %d times, want twice", n)
	}
}
