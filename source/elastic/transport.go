package elastic

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/elastic/elastic-transport-go/v8/elastictransport"
	"github.com/elastic/go-elasticsearch/v8/esapi"
	"github.com/klauspost/compress/gzip"

	"github.com/traceslo/traceslo/source"
)

// maxAnswer bounds the memory that an answer can take, inflated.
const maxAnswer = 64 << 20

// maxComplaint is how much of the answer is read that says why a request failed.
const maxComplaint = 64 << 10

// A link is the way to one cluster: one exchange at a time, bounded in time and
// size, each error with its kind.
type link struct {
	transport   *elastictransport.Client
	round       *roundTripper
	credentials *credentials
	headers     http.Header
	timeout     time.Duration
	compression bool
	// pattern is the indices' names, for advice on rights.
	pattern   string
	observe   func(operation, status string, took time.Duration)
	inflaters sync.Pool
	// dials counts the connections that were opened: what a new one leads to
	// may be another cluster.
	dials atomic.Int64
}

func newLink(o Options, dial dialer, now time.Time) (*link, error) {
	c := o.Config
	l := &link{headers: http.Header{}, timeout: c.RequestTimeout, compression: c.Compression, pattern: spanPattern(c.IndexPrefix), observe: o.Observe}
	for name, value := range c.Headers {
		l.headers.Set(name, string(value))
	}
	var err error
	if l.credentials, err = newCredentials(c.Auth, c.Headers, o.Log, now); err != nil {
		return nil, err
	}
	counted := func(ctx context.Context, network, address string) (net.Conn, error) {
		l.dials.Add(1)
		return dial(ctx, network, address)
	}
	if l.round, err = newRoundTripper(c.TLS, counted, o.Log, now); err != nil {
		return nil, err
	}
	var urls []*url.URL
	for _, address := range c.Addresses {
		u, err := url.Parse(strings.TrimRight(address, "/"))
		if err != nil {
			return nil, err
		}
		urls = append(urls, u)
	}
	l.transport, err = elastictransport.NewClient(
		elastictransport.WithURLs(urls...), elastictransport.WithTransport(l.round), elastictransport.WithDisableRetry(),
		elastictransport.WithUserAgent("traceslo"))
	return l, err
}

func (l *link) close() {
	_ = l.transport.Close(context.Background()) // fails only if closed before
	l.round.CloseIdleConnections()
}

// A call is one thing to ask of the cluster.
type call struct {
	operation operation
	// thing is what it is about, for errors, quoted.
	thing string
	// request makes the request anew for each attempt: a body is read but once.
	request func() esapi.Request
}

func (c call) name() string { return c.operation.act + " " + c.thing }

// ask makes one exchange and returns the body of its answer, a JSON object, in
// the memory of into if that is large enough. The error is an *source.Error,
// or ctx's if that has ended. Credentials that are refused are read again, and
// tried again if they have changed.
func (l *link) ask(ctx context.Context, c call, into []byte) ([]byte, error) {
	sent := l.credentials.authorization(time.Now())
	body, err := l.exchange(ctx, c, sent, into)
	if source.KindOf(err) == source.Unauthorized && l.credentials.refused(sent) {
		body, err = l.exchange(ctx, c, l.credentials.authorization(time.Now()), into)
	}
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return body, err
}

// exchange makes one exchange, within the deadline, and tells of it.
func (l *link) exchange(ctx context.Context, c call, authorization string, into []byte) ([]byte, error) {
	began := time.Now()
	timed, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	body, status, err := l.attempt(timed, c, authorization, into)
	if l.observe != nil && ctx.Err() == nil {
		word := strconv.Itoa(status)
		if status == 0 {
			word = string(source.KindOf(err))
		}
		l.observe(c.operation.name, word, time.Since(began))
	}
	return body, err
}

// attempt returns the answer's body and status; the status is 0 if no whole answer came.
func (l *link) attempt(ctx context.Context, c call, authorization string, into []byte) ([]byte, int, error) {
	response, err := c.request().Do(ctx, performer{l, authorization})
	if err != nil {
		return nil, 0, l.connectionError(ctx, c, err)
	}
	defer response.Body.Close()
	body, err := l.read(response, into)
	if err != nil {
		return nil, 0, l.readError(ctx, c, err)
	}
	return body, response.StatusCode, l.judge(c, response, body)
}

// A performer is what esapi sends a request by: it adds what every request has.
type performer struct {
	link          *link
	authorization string
}

// Perform implements esapi.Transport.
func (p performer) Perform(request *http.Request) (*http.Response, error) {
	for name, values := range p.link.headers {
		request.Header[name] = values
	}
	if p.authorization != "" {
		request.Header.Set("Authorization", p.authorization)
	}
	if p.link.compression {
		request.Header.Set("Accept-Encoding", "gzip")
	}
	// Operators find it in slow logs and in the list of tasks.
	request.Header.Set("X-Opaque-Id", "traceslo")
	return p.link.transport.Perform(request)
}

var errTooLarge = fmt.Errorf("the answer is larger than %d MiB", maxAnswer>>20)

// read returns the whole answer, or of a complaint the beginning.
func (l *link) read(response *esapi.Response, into []byte) ([]byte, error) {
	var from io.Reader = response.Body
	if strings.EqualFold(response.Header.Get("Content-Encoding"), "gzip") {
		inflater, err := l.inflater(response.Body)
		if err != nil {
			return nil, err
		}
		defer l.inflaters.Put(inflater)
		from = inflater
	}
	if response.IsError() {
		body, err := io.ReadAll(io.LimitReader(from, maxComplaint))
		if len(body) > 0 {
			err = nil // a complaint that is cut off still says what it is about
		}
		return body, err
	}
	return readAll(from, into)
}

func (l *link) inflater(body io.Reader) (*gzip.Reader, error) {
	if pooled, ok := l.inflaters.Get().(*gzip.Reader); ok {
		return pooled, pooled.Reset(body)
	}
	return gzip.NewReader(body)
}

// readAll reads into the memory of into, which grows up to maxAnswer.
func readAll(from io.Reader, into []byte) ([]byte, error) {
	body := into[:0]
	for {
		if len(body) == cap(body) {
			body = slices.Grow(body, max(cap(body), 64<<10))
		}
		n, err := from.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case len(body) > maxAnswer:
			return nil, errTooLarge
		case err == io.EOF:
			return body, nil
		case err != nil:
			return nil, err
		}
	}
}

// judge returns why an answer is none, nil if it is one.
func (l *link) judge(c call, response *esapi.Response, body []byte) error {
	if response.IsError() {
		return l.refusal(c, response.StatusCode, response.Header, body)
	}
	if start := bytes.TrimLeft(body, " \t\r\n"); len(start) == 0 || start[0] != '{' {
		return l.protocolError(c, fmt.Sprintf("%d with %s", response.StatusCode, l.describe(response.Header, body)))
	}
	return nil
}
