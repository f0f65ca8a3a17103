// Package spanfile reads spans from files: Jaeger's stored documents, one JSON
// object a line, as they come out of a dump or of a search.
//
// A line is a document by itself, or a hit that holds one as _source. The lines
// of a _bulk request that only say what to do with the next are passed over.
// What a document means is source/jaeger's business; counting the spans, and
// whether a bad line ends it all, the caller's. It serves the command count,
// and tests.
package spanfile

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

const (
	// MaxLine is the length of the longest line that is read, in bytes.
	MaxLine = 16 << 20
	// ReasonLong is the reason for which a line is bad that is longer than
	// MaxLine; all others are those of source/jaeger.
	ReasonLong = "too_long"

	// A page ends with the line that reaches one of these.
	pageLines = 1000
	pageBytes = 1 << 20
)

// A Bad line is one that no span can be made of.
type Bad struct {
	// Line is its number, from 1.
	Line int
	// Reason is ReasonLong or from the closed set of source/jaeger.
	Reason string
}

// Open opens the file of that name, or returns stdin for "-".
func Open(name string, stdin io.Reader) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(stdin), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("open %q: %w", name, cause(err))
	}
	return f, nil
}

// cause is err without the name, which the caller says.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// Read reads r to its end and hands over what it holds, in order, a page of
// about a thousand lines at a time. What is compressed by gzip is recognized by
// its first bytes. Empty lines, \r\n and a byte order mark at the beginning do
// no harm. Every line is checked to be JSON throughout.
//
// The spans are valid until page returns; an error of page ends the reading and
// is returned as it is. Bad lines are no error: page is told. If r fails, or
// its compression is damaged or cut off, the whole lines before are handed over
// first, and the error names the file, by name, and the line.
func Read(ctx context.Context, r io.Reader, name string, d *jaeger.Decoder, page func(spans []source.Span, bad []Bad) error) error {
	in := bufio.NewReaderSize(r, 64<<10)
	if magic, _ := in.Peek(2); string(magic) == "\x1f\x8b" {
		z, err := gzip.NewReader(in)
		if err != nil {
			return fmt.Errorf("read %q: %w", name, gzipCause(err))
		}
		in = bufio.NewReaderSize(z, 64<<10)
	}
	if mark, _ := in.Peek(3); string(mark) == "\xef\xbb\xbf" {
		// It was peeked at: it is in the buffer.
		_, _ = in.Discard(3)
	}
	p := pages{decoder: d}
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		err := p.fill(in)
		p.decode()
		if len(p.spans)+len(p.bad) > 0 {
			if err := page(p.spans, p.bad); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %q: line %d: %w", name, p.line+1, gzipCause(cause(err)))
		}
	}
}

// gzipCause says what an error of gzip means for the file.
func gzipCause(err error) error {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("the file is cut off: gzip data ends in the middle")
	case errors.Is(err, gzip.ErrHeader), errors.Is(err, gzip.ErrChecksum):
		return fmt.Errorf("the file is damaged: %w", err)
	}
	return err
}

// pages holds what one page is made of, and is filled anew for the next.
type pages struct {
	decoder *jaeger.Decoder
	// line is how many lines were read.
	line int
	// text holds the lines of the page, one after the other.
	text  []byte
	lines []line

	spans []source.Span
	bad   []Bad
}

// A line is text[from:to], or one that was too long to keep.
type line struct {
	number   int
	from, to int
	long     bool
}

// fill reads the lines of one page. A line that an error cuts off is none, but
// the end of the file ends a line as well.
func (p *pages) fill(in *bufio.Reader) error {
	p.text, p.lines = p.text[:0], p.lines[:0]
	for len(p.lines) < pageLines && len(p.text) < pageBytes {
		l := line{number: p.line + 1, from: len(p.text)}
		var err error
		for more := true; more; {
			var piece []byte
			piece, err = in.ReadSlice('\n')
			more = errors.Is(err, bufio.ErrBufferFull)
			if l.long = l.long || len(p.text)-l.from+len(piece) > MaxLine+len("\r\n"); l.long {
				p.text = p.text[:l.from]
				continue
			}
			p.text = append(p.text, piece...)
		}
		if err != nil && err != io.EOF {
			p.text = p.text[:l.from]
			return err
		}
		if err == io.EOF && len(p.text) == l.from && !l.long {
			return io.EOF
		}
		p.line++
		l.to = len(p.text)
		p.lines = append(p.lines, l)
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
	}
	return nil
}

// decode makes the page's spans of its lines.
func (p *pages) decode() {
	p.decoder.Reset()
	p.spans, p.bad = p.spans[:0], p.bad[:0]
	for _, l := range p.lines {
		text := bytes.TrimSpace(p.text[l.from:l.to])
		if l.long || len(text) > MaxLine {
			p.bad = append(p.bad, Bad{l.number, ReasonLong})
			continue
		}
		if len(text) == 0 {
			continue
		}
		if !json.Valid(text) {
			p.bad = append(p.bad, Bad{l.number, jaeger.ReasonJSON})
			continue
		}
		p.spans = append(p.spans, source.Span{})
		reason := p.decoder.DecodeHit(text, &p.spans[len(p.spans)-1])
		if reason == "" {
			continue
		}
		p.spans = p.spans[:len(p.spans)-1]
		if reason != jaeger.ReasonTraceID || !isAction(text) {
			p.bad = append(p.bad, Bad{l.number, reason})
		}
	}
}

// isAction tells whether an object is a line of a _bulk request that announces
// a document: {"index": {…}} or {"create": {…}}.
func isAction(text []byte) bool {
	text = bytes.TrimSpace(text[1:])
	return bytes.HasPrefix(text, []byte(`"index"`)) || bytes.HasPrefix(text, []byte(`"create"`))
}
