package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kingpin/v2"
	promconfig "github.com/prometheus/common/config"
)

// A remote is a running daemon that a command asks.
type remote struct{ server, client *string }

// addRemote adds the flag that says how to reach a daemon; server is that which says where.
func addRemote(c *kingpin.CmdClause, server *string) remote {
	return remote{server, c.Flag("http.config.file", "How to reach it, by TLS or with credentials: a file as promtool reads it.").PlaceHolder("FILE").String()}
}

const (
	// answerWithin is how long a daemon may take until it answers.
	answerWithin = 30 * time.Second
	// reportWithin is the same for a report: it is made before the answer begins,
	// one at a time, and a year of a thousand objectives takes minutes.
	reportWithin = time.Hour
)

// ask sends a request whose answer has status 200 and begins within a time, and
// whose body the caller closes. path may have a query. The error tells what the
// daemon said.
func (r remote) ask(ctx context.Context, method, path string, within time.Duration) (*http.Response, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.ResponseHeaderTimeout = within
	client := &http.Client{Transport: transport}
	if *r.client != "" {
		cfg, _, err := promconfig.LoadHTTPConfigFile(*r.client)
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", *r.client, err)
		}
		if client, err = promconfig.NewClientFromConfig(*cfg, "traceslo"); err != nil {
			return nil, err
		}
	}
	path, query, _ := strings.Cut(path, "?")
	target, err := url.Parse(*r.server)
	if err == nil && (target.Scheme != "http" && target.Scheme != "https" || target.Host == "") {
		err = errors.New("is not an http or https URL; write for example http://127.0.0.1:9924")
	}
	if err != nil {
		return nil, fmt.Errorf("server URL %q: %w", *r.server, err)
	}
	target = target.JoinPath(path)
	target.RawQuery = query
	request, err := http.NewRequestWithContext(ctx, method, target.String(), nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	switch {
	case errors.Is(err, syscall.ECONNREFUSED):
		return nil, fmt.Errorf("%w; start the daemon, or say where it is by --server.url", err)
	case err != nil:
		return nil, err
	}
	if answer.StatusCode != http.StatusOK {
		defer answer.Body.Close()
		reason, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
		return nil, fmt.Errorf("%s %q: %s: %s", strings.ToLower(method), request.URL.Redacted(), answer.Status, told(reason))
	}
	return answer, nil
}

// told returns what the body of an answer says is wrong: the message of the
// API's problem, or else all of it.
func told(body []byte) string {
	var answer struct {
		Error struct {
			Message string `json:"message"`
		} `json:"error"`
	}
	if err := json.Unmarshal(body, &answer); err == nil && answer.Error.Message != "" {
		return answer.Error.Message
	}
	return strings.TrimSpace(string(body))
}
