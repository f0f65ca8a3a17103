package web_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener whose connections have no room for what nobody reads.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

// Accept implements net.Listener.
func (p *pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

// Close implements net.Listener.
func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

// Addr implements net.Listener.
func (p *pipes) Addr() net.Addr { return &net.UnixAddr{Name: "pipes"} }

// dial connects to the listener.
func (p *pipes) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	p.conns <- theirs
	return ours, nil
}

// report asks a server with the ends that the daemon's has for a report, in a
// bubble. stop stops both.
func (b *bench) report(ctx context.Context) (answer *http.Response, stop func(), err error) {
	listener := &pipes{conns: make(chan net.Conn), closed: make(chan struct{})}
	server := &http.Server{Handler: b.server, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 2 * time.Minute}
	go server.Serve(listener) //nolint:errcheck // that it is closed
	transport := &http.Transport{DialContext: listener.dial, DisableCompression: true}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://traceslo/api/v1/report?period=today&slo=checkout-availability", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	answer, err = (&http.Client{Transport: transport}).Do(request)
	return answer, func() {
		transport.CloseIdleConnections()
		server.Close()
		synctest.Wait()
	}, err
}

// TestAReportMayTakeItsTime makes one that takes longer than others may, for a
// client that is slow in taking it, and for one that takes nothing.
func TestAReportMayTakeItsTime(t *testing.T) {
	const made = 10 * time.Minute
	for name, test := range map[string]struct {
		pause time.Duration
		whole bool
	}{
		"taken at once":              {0, true},
		"taken slowly":               {15 * time.Second, true},
		"nothing taken for too long": {3 * time.Minute, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := platform(t)
			synctest.Test(t, func(t *testing.T) {
				b.viewing = func() { <-time.After(made) }
				began := time.Now()
				answer, stop, err := b.report(t.Context())
				defer stop()
				if err != nil {
					t.Fatal(err)
				}
				defer answer.Body.Close()
				if took := time.Since(began); answer.StatusCode != http.StatusOK || took != made {
					t.Fatalf("got %d after %s\n%s", answer.StatusCode, took, b.log)
				}
				var text strings.Builder
				for err == nil {
					<-time.After(test.pause)
					_, err = io.CopyN(&text, answer.Body, 8<<10)
				}
				if whole := err == io.EOF && strings.HasSuffix(text.String(), "</html>\n"); whole != test.whole {
					t.Errorf("got %d bytes, %v\n%s", text.Len(), err, b.log)
				}
				synctest.Wait()
				if told := strings.Contains(b.log.String(), "a report was not sent whole"); told == test.whole {
					t.Errorf("the log says\n%s", b.log)
				}
			})
		})
	}
}

func TestClientsThatHangUpAreNoError(t *testing.T) {
	b := platform(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		b.viewing = func() {
			cancel()
			<-time.After(time.Second) // in which the server sees it
		}
		answer, stop, err := b.report(ctx)
		defer stop()
		if err == nil {
			answer.Body.Close()
		}
		<-time.After(2 * time.Second)
		synctest.Wait()
		if err == nil || strings.Contains(b.log.String(), `"level":"error"`) {
			t.Errorf("got %v\n%s", err, b.log)
		}
	})
}

func TestNoPageMayFrameAReport(t *testing.T) {
	b := platform(t)
	answer := b.do(http.MethodGet, "/api/v1/report?period=today")
	policy := answer.Header().Get("Content-Security-Policy")
	if answer.Code != http.StatusOK || !strings.HasSuffix(policy, "; frame-ancestors 'none'") || !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("got %d, the policy %q", answer.Code, policy)
	}
	// In a file browsers take no notice of it, and complain.
	if strings.Contains(answer.Body.String(), "frame-ancestors") {
		t.Error("the file has a policy that is for headers alone")
	}
}
