package peers

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	promconfig "github.com/prometheus/common/config"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
)

// own is the reader at hand.
type own struct {
	ledger *slo.Ledger
	view   func(func(*state.Tx) error) error
}

// Own returns the member whose ledger, in the state that view reads, is at hand.
func Own(ledger *slo.Ledger, view func(func(*state.Tx) error) error) Member {
	return own{ledger, view}
}

// Head implements Member.
func (o own) Head(context.Context) (head slo.PartHead, err error) {
	err = o.view(func(tx *state.Tx) (err error) {
		head, err = o.ledger.Head(tx)
		return err
	})
	return head, err
}

// Part implements Member.
func (o own) Part(_ context.Context, after uint64, mark string) (part *slo.Part, err error) {
	err = o.view(func(tx *state.Tx) (err error) {
		part, err = o.ledger.Part(tx, after, mark)
		return err
	})
	return part, err
}

// All implements Member.
func (o own) All(ctx context.Context, head func(slo.PartHead) error, increment func(slo.Increment) error) error {
	reader, writer := io.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		writer.CloseWithError(o.view(func(tx *state.Tx) error { return o.ledger.WritePart(tx, writer) }))
	}()
	defer func() {
		reader.Close()
		<-ended
	}()
	return readAll(ctx, reader, head, increment)
}

// Dial returns the member that answers at an address. The file, if it is not "",
// says how to reach it, as promtool reads it.
func Dial(address, httpConfigFile string) (Member, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	client := &http.Client{Transport: transport}
	if httpConfigFile != "" {
		cfg, _, err := promconfig.LoadHTTPConfigFile(httpConfigFile)
		if err != nil {
			return nil, fmt.Errorf("read %q: %w", httpConfigFile, err)
		}
		if client, err = promconfig.NewClientFromConfig(*cfg, "traceslo"); err != nil {
			return nil, err
		}
	}
	base, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	// A reader is where it is said to be, and nowhere else.
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return remote{base, client}, nil
}

// remote is a reader that is asked over HTTP.
type remote struct {
	base   *url.URL
	client *http.Client
}

const (
	// answerWithin bounds an answer, allWithin one of all that a reader has.
	answerWithin = 20 * time.Second
	allWithin    = time.Hour
	// maxAnswer bounds the memory that an answer, or a line of one, can take.
	maxAnswer = 32 << 20
)

// Head implements Member.
func (r remote) Head(ctx context.Context) (head slo.PartHead, err error) {
	return head, r.get(ctx, "", &head)
}

// Part implements Member.
func (r remote) Part(ctx context.Context, after uint64, mark string) (*slo.Part, error) {
	part := &slo.Part{}
	return part, r.get(ctx, url.Values{"after": {strconv.FormatUint(after, 10)}, "mark": {mark}}.Encode(), part)
}

// get reads an answer that is one value.
func (r remote) get(ctx context.Context, query string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	body, err := r.ask(ctx, "api/v1/ledger", query)
	if err != nil {
		return err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, maxAnswer+1))
	if err != nil {
		return r.failed(err)
	}
	if len(text) > maxAnswer {
		return r.failed(fmt.Errorf("the answer is longer than %d bytes", maxAnswer))
	}
	if err := json.Unmarshal(text, into); err != nil {
		return r.failed(fmt.Errorf("the answer is not traceslo's: %w", err))
	}
	return nil
}

// All implements Member.
func (r remote) All(ctx context.Context, head func(slo.PartHead) error, increment func(slo.Increment) error) error {
	ctx, cancel := context.WithTimeout(ctx, allWithin)
	defer cancel()
	body, err := r.ask(ctx, "api/v1/ledger/all", "")
	if err != nil {
		return err
	}
	defer body.Close()
	if err := readAll(ctx, body, head, increment); err != nil {
		return r.failed(err)
	}
	return nil
}

// ask returns the body of an answer with status 200.
func (r remote) ask(ctx context.Context, path, query string) (io.ReadCloser, error) {
	target := r.base.JoinPath(path)
	target.RawQuery = query
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, r.failed(err)
	}
	answer, err := r.client.Do(request)
	if err != nil {
		return nil, r.failed(err)
	}
	switch answer.StatusCode {
	case http.StatusOK:
		return answer.Body, nil
	case http.StatusGone:
		err = slo.ErrGone
	default:
		var told struct {
			Error struct{ Message string }
		}
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 4<<10))
		err = errors.New(answer.Status)
		if json.Unmarshal(text, &told) == nil && told.Error.Message != "" {
			err = fmt.Errorf("%s: %.200q", answer.Status, told.Error.Message)
		}
	}
	_ = answer.Body.Close()
	return nil, r.failed(err)
}

// failed says of what an error came, in the same words each time that it comes.
func (r remote) failed(err error) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err // which does not repeat the address
	}
	if cut, ok := errors.AsType[*net.OpError](err); ok {
		cut.Source = nil // its port is another one each time
	}
	return fmt.Errorf("ask %s: %w", r.base.Redacted(), err)
}

// readAll reads what Ledger.WritePart wrote.
func readAll(ctx context.Context, from io.Reader, head func(slo.PartHead) error, increment func(slo.Increment) error) error {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 64<<10), maxAnswer)
	if !lines.Scan() {
		return errors.Join(lines.Err(), errCutOff)
	}
	var first slo.PartHead
	if err := json.Unmarshal(lines.Bytes(), &first); err != nil {
		return fmt.Errorf("the answer is not traceslo's: %w", err)
	}
	if err := head(first); err != nil {
		return err
	}
	for lines.Scan() {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if bytes.Equal(lines.Bytes(), []byte(`"end"`)) {
			return nil
		}
		var next slo.Increment
		if err := json.Unmarshal(lines.Bytes(), &next); err != nil {
			return fmt.Errorf("the answer is not traceslo's: %w", err)
		}
		if err := increment(next); err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), errCutOff)
}

var errCutOff = errors.New("the answer is cut off")
