package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/traceslo/traceslo/slo/report"
)

// slowly makes all servers in a bubble answer after a time.
func slowly(t *testing.T, after time.Duration) {
	transport := http.DefaultTransport.(*http.Transport)
	dial := transport.DialContext
	t.Cleanup(func() { transport.DialContext = dial })
	transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			if _, err := http.ReadRequest(bufio.NewReader(theirs)); err != nil {
				t.Error(err)
			}
			<-time.After(after)
			// Whoever gave up takes nothing.
			_, _ = io.WriteString(theirs, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")
		}()
		return ours, nil
	}
}

// TestAReportIsWaitedFor asks a daemon that takes longer than any other answer may.
func TestAReportIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slowly(t, 20*time.Minute)
		server, period, zone, none := "http://traceslo.example.org", "2025", "", ""
		r := remote{&server, &none}
		text, err := reportFlags{period: &period, zone: &zone, slos: &[]string{}, remote: r}.fetch(t.Context(), stdio{}, report.JSON)
		if err != nil || string(text) != "{}" {
			t.Errorf("got %q, %v", text, err)
		}
		began := time.Now()
		if err := (statusFlags{remote: r}).get(t.Context(), "api/v1/status", nil); err == nil || !strings.Contains(err.Error(), "timeout awaiting response headers") || time.Since(began) != 30*time.Second {
			t.Errorf("got %v after %s", err, time.Since(began))
		}
		<-time.After(time.Hour) // until the daemon is done, too
	})
}
