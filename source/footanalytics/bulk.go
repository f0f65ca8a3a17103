package footanalytics

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"time"
)

const (
	// maxRequest and maxActions bound a request; the former is what Jaeger's
	// collectors send at most.
	maxRequest = 5_000_000
	maxActions = 5000
	// maxAnswer bounds the memory that an answer can take.
	maxAnswer = 64 << 20
	// attempts is how often something is sent, the first time included; with
	// the waits in between that takes about half a minute.
	attempts  = 12
	firstWait = 50 * time.Millisecond
	longWait  = 5 * time.Second
)

// A Bulk writes documents into Elasticsearch or OpenSearch, by the request
// _bulk. It is safe for use by any number of goroutines.
type Bulk struct {
	url    string
	host   string
	client *http.Client
}

// NewBulk returns a Bulk for the cluster at address, an http or https URL. A nil
// client stands for one that waits up to a minute for an answer; a client with
// a transport of its own is the way to bring credentials.
func NewBulk(address string, client *http.Client) (*Bulk, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		// The cause and the address may hold a password.
		return nil, errors.New("the cluster's address is not a URL such as http://127.0.0.1:9200")
	}
	if client == nil {
		client = &http.Client{Timeout: time.Minute}
	}
	return &Bulk{url: strings.TrimSuffix(u.String(), "/"), host: u.Host, client: client}, nil
}

// An Item is a document to write.
type Item struct {
	Index string
	// ID is the document's id. Under an id a document is stored once: writing
	// it again leaves the first one as it is. Without an id the store gives
	// one, and each writing is another document.
	ID string
	// Source is the document, JSON on one line.
	Source []byte
}

// A Fate is what became of an Item.
type Fate uint8

// The fates of items.
const (
	// Unknown: the request was sent and not answered; the item may be stored or not.
	Unknown Fate = iota
	// Stored: the store acknowledged it.
	Stored
	// Refused: it is certainly not stored.
	Refused
)

// Write writes items, in several requests if they are many, and returns the
// fate of each. The error is nil if and only if all are Stored.
//
// What the store rejects for the moment (429, 503) is sent again, and nothing
// else of the same request, for about half a minute. A request without an
// answer is sent again only if all its items have ids; without ids that could
// store them twice, and their fate is Unknown.
func (b *Bulk) Write(ctx context.Context, items []Item) ([]Fate, error) {
	fates := make([]Fate, len(items))
	for i := range items {
		fates[i] = Refused
		if bytes.IndexByte(items[i].Source, '\n') >= 0 {
			return fates, fmt.Errorf("write document %d: it holds a line break", i)
		}
	}
	var request batch
	var errs []error
	for i := 0; i < len(items); {
		request.reset()
		for i < len(items) && request.fits(&items[i]) {
			if err := request.add(i, &items[i]); err != nil {
				return fates, fmt.Errorf("write document %d: %w", i, err)
			}
			i++
		}
		if err := b.send(ctx, &request, items, fates); err != nil {
			errs = append(errs, err)
			if ctx.Err() != nil {
				break
			}
		}
	}
	return fates, errors.Join(errs...)
}

// batch is one request and which items it holds.
type batch struct {
	body  bytes.Buffer
	items []int
	// named holds if all items have ids.
	named bool
}

func (r *batch) reset() {
	r.body.Reset()
	r.items, r.named = r.items[:0], true
}

func (r *batch) fits(item *Item) bool {
	return len(r.items) == 0 || len(r.items) < maxActions && r.body.Len()+len(item.Source) < maxRequest
}

func (r *batch) add(i int, item *Item) error {
	type target struct {
		Index string `json:"_index"`
		ID    string `json:"_id,omitempty"`
	}
	action := map[string]target{"index": {Index: item.Index}}
	if item.ID != "" {
		action = map[string]target{"create": {item.Index, item.ID}}
	}
	line, err := json.Marshal(action)
	if err != nil {
		return err
	}
	r.body.Write(line)
	r.body.WriteByte('\n')
	r.body.Write(item.Source)
	r.body.WriteByte('\n')
	r.items = append(r.items, i)
	r.named = r.named && item.ID != ""
	return nil
}

// send sends a request until each of its items is stored or refused, or
// patience ends.
func (b *Bulk) send(ctx context.Context, r *batch, items []Item, fates []Fate) error {
	for attempt := 1; ; attempt++ {
		results, err := b.post(ctx, r.body.Bytes(), len(r.items))
		var again []int
		var refused error
		switch {
		case err == nil:
			again, refused = settle(r.items, results, items, fates)
		case errors.Is(err, errRejected):
			again = r.items
		case errors.Is(err, errRefused):
			return err
		default:
			for _, i := range r.items {
				fates[i] = Unknown
			}
			if r.named {
				again = r.items
			}
		}
		switch {
		case refused != nil:
			return refused
		case len(again) == 0:
			return err
		case attempt == attempts:
			return fmt.Errorf("write %d documents to %q: given up after %d attempts: %w", len(again), b.host, attempt, errors.Join(err, busy(results)))
		}
		if err := pause(ctx, attempt); err != nil {
			return err
		}
		if len(again) < len(r.items) {
			r.reset()
			for _, i := range again {
				if err := r.add(i, &items[i]); err != nil {
					return err
				}
			}
		}
	}
}

// settle notes the fates that results tell. It returns the items to send
// again, and an error that tells of the first one that is refused for good.
func settle(sent []int, results []result, items []Item, fates []Fate) (again []int, refused error) {
	n := 0
	for k, i := range sent {
		switch got := &results[k]; {
		case got.Status/100 == 2, got.Status == http.StatusConflict && items[i].ID != "":
			fates[i] = Stored
		case passes(got.Status):
			// The fate stays as it was: Unknown if an earlier request had no answer.
			again = append(again, i)
		default:
			fates[i] = Refused
			n++
			if refused == nil {
				refused = fmt.Errorf("write document %d to index %q: %w", i, items[i].Index, got.err())
			}
		}
	}
	if n > 1 {
		refused = fmt.Errorf("%w (and %d more)", refused, n-1)
	}
	return again, refused
}

// passes holds for a status that says "not now".
func passes(status int) bool {
	return status == http.StatusTooManyRequests || status == http.StatusServiceUnavailable
}

// busy returns why the first item that is to be sent again was rejected.
func busy(results []result) error {
	for i := range results {
		if passes(results[i].Status) {
			return results[i].err()
		}
	}
	return nil
}

// result is what the store answers to one item.
type result struct {
	Status int `json:"status"`
	Error  struct {
		Type   string `json:"type"`
		Reason string `json:"reason"`
	} `json:"error"`
}

func (r *result) err() error {
	return fmt.Errorf("status %d, %s: %.200s", r.Status, r.Error.Type, r.Error.Reason)
}

var (
	// errRejected says that a whole request was turned away unread, for now.
	errRejected = errors.New("the store has too much to do")
	// errRefused says that a whole request was turned away for good.
	errRefused = errors.New("refused")
)

// post sends one body of n items and returns what became of each.
func (b *Bulk) post(ctx context.Context, body []byte, n int) ([]result, error) {
	answer, status, err := b.do(ctx, http.MethodPost, "/_bulk?filter_path=items.*.status,items.*.error.type,items.*.error.reason", "application/x-ndjson", body)
	switch {
	case err != nil:
		return nil, err
	case passes(status):
		return nil, fmt.Errorf("bulk to %q: status %d: %w", b.host, status, errRejected)
	case status/100 == 4:
		return nil, fmt.Errorf("bulk to %q: %w with status %d: %.200s", b.host, errRefused, status, answer)
	case status != http.StatusOK:
		return nil, fmt.Errorf("bulk to %q: status %d: %.200s", b.host, status, answer)
	}
	var told struct {
		Items []map[string]result `json:"items"`
	}
	if err := json.Unmarshal(answer, &told); err != nil {
		return nil, fmt.Errorf("bulk to %q: read the answer: %w", b.host, err)
	}
	if len(told.Items) != n {
		return nil, fmt.Errorf("bulk to %q: the answer tells of %d items, %d were sent", b.host, len(told.Items), n)
	}
	results := make([]result, 0, n)
	for _, item := range told.Items {
		for _, r := range item {
			results = append(results, r)
		}
	}
	if len(results) != n {
		return nil, fmt.Errorf("bulk to %q: the answer tells of %d items, %d were sent", b.host, len(results), n)
	}
	return results, nil
}

// do makes one request and returns the answer whole.
func (b *Bulk) do(ctx context.Context, method, path, contentType string, body []byte) (answer []byte, status int, err error) {
	request, err := http.NewRequestWithContext(ctx, method, b.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, 0, err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := b.client.Do(request)
	if err != nil {
		// url.Error repeats the whole address.
		if e := (*url.Error)(nil); errors.As(err, &e) {
			err = e.Err
		}
		return nil, 0, fmt.Errorf("reach %q: %w", b.host, err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err = io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return nil, 0, fmt.Errorf("read the answer of %q: %w", b.host, err)
	}
	return answer, response.StatusCode, nil
}

// pause waits before the next attempt, longer each time, by a random share so
// that many writers do not come back at once.
func pause(ctx context.Context, attempt int) error {
	wait := min(firstWait<<min(attempt, 16), longWait)
	timer := time.NewTimer(wait/2 + rand.N(wait/2))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
