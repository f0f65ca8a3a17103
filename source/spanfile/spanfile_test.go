package spanfile_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
	"github.com/traceslo/traceslo/source/spanfile"
)

// span returns a stored document of a span with that id.
func span(id uint64) string {
	return string(jaeger.AppendDocument(nil, &jaeger.Document{SpanID: id, Operation: "op", Service: "s"}, jaeger.Elevated))
}

func compressed(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// content is what a file was read to hold.
type content struct {
	IDs   []uint64
	Bad   []spanfile.Bad
	Err   string
	pages int
}

func read(r io.Reader) content {
	var c content
	err := spanfile.Read(context.Background(), r, "spans.ndjson", jaeger.NewDecoder(nil, ""), func(spans []source.Span, bad []spanfile.Bad) error {
		c.pages++
		for i := range spans {
			c.IDs = append(c.IDs, spans[i].SpanID)
		}
		c.Bad = append(c.Bad, bad...)
		return nil
	})
	if err != nil {
		c.Err = err.Error()
	}
	return c
}

func TestRead(t *testing.T) {
	cut := compressed(t, span(1)+"\n"+strings.Repeat(span(2)+"\n", 3))
	damaged := []byte(compressed(t, span(1)+"\n"))
	damaged[len(damaged)-6] ^= 0xff // in the checksum
	long := strings.Repeat(" ", 3) + `{"x":"` + strings.Repeat("y", spanfile.MaxLine) + `"}`
	tests := []struct {
		name, file string
		want       content
	}{
		{"nothing", "", content{}},
		{"empty lines alone", "\n\r\n\n", content{}},
		{"documents", span(1) + "\n" + span(2) + "\n", content{IDs: []uint64{1, 2}}},
		{"no line end at the end", span(1) + "\n" + span(2), content{IDs: []uint64{1, 2}}},
		{"line ends of Windows, empty lines, a byte order mark", "\ufeff\r\n" + span(1) + "\r\n\r\n \t\r\n" + span(2) + "\r\n", content{IDs: []uint64{1, 2}}},
		{"hits", `{"_index":"i","_id":"x","_source":` + span(1) + "}\n" + span(2) + "\n", content{IDs: []uint64{1, 2}}},
		{"a _bulk request", `{"index":{"_index":"i"}}` + "\n" + span(1) + "\n" + `{ "create" : {} }` + "\n" + span(2) + "\n", content{IDs: []uint64{1, 2}}},
		{"bad lines", "x\n" + span(1) + "\n{}\n[]\n" + span(2) + "}\n" + span(3)[:40] + "\n" + span(4), content{
			IDs: []uint64{1, 4}, Bad: []spanfile.Bad{{1, "json"}, {3, "trace_id"}, {4, "json"}, {5, "json"}, {6, "json"}},
		}},
		{"broken in a part that no span is made of", strings.Replace(span(1), `"logs":null`, `"logs":[nul]`, 1), content{Bad: []spanfile.Bad{{1, "json"}}}},
		{"a hit without its document", `{"_index":"i","_id":"x"}` + "\n" + `{"_source":null}`, content{Bad: []spanfile.Bad{{1, "trace_id"}, {2, "source"}}}},
		{"text of two bytes a character", "\xff\xfe{\x00}\x00\n", content{Bad: []spanfile.Bad{{1, "json"}}}},
		{"a line too long", span(1) + "\n" + long + "\n" + span(2) + "\n" + long, content{
			IDs: []uint64{1, 2}, Bad: []spanfile.Bad{{2, "too_long"}, {4, "too_long"}},
		}},
		{"the longest line", `{"x":"` + strings.Repeat("y", spanfile.MaxLine-8) + `"}` + "\r\n" + span(1), content{
			IDs: []uint64{1}, Bad: []spanfile.Bad{{1, "trace_id"}},
		}},
		{"gzip", compressed(t, span(1)+"\n"+span(2)), content{IDs: []uint64{1, 2}}},
		{"gzip, one after the other", compressed(t, span(1)+"\n") + compressed(t, span(2)), content{IDs: []uint64{1, 2}}},
		{"gzip with nothing in it", compressed(t, ""), content{}},
		{"gzip without its end", cut[:len(cut)-8], content{
			IDs: []uint64{1, 2, 2, 2}, Err: `read "spans.ndjson": line 5: the file is cut off: gzip data ends in the middle`,
		}},
		{"gzip of which only the beginning is there", cut[:5], content{Err: `read "spans.ndjson": the file is cut off: gzip data ends in the middle`}},
		{"gzip with a wrong checksum", string(damaged), content{IDs: []uint64{1}, Err: `read "spans.ndjson": line 2: the file is damaged: gzip: invalid checksum`}},
		{"gzip and then something else", compressed(t, span(1)+"\n") + "more of it", content{IDs: []uint64{1}, Err: `read "spans.ndjson": line 2: the file is damaged: gzip: invalid header`}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, read(strings.NewReader(tt.file)), cmp.AllowUnexported(content{}), ignorePages); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if len(tt.file) > 1<<16 {
				return
			}
			if diff := cmp.Diff(tt.want, read(iotest.OneByteReader(strings.NewReader(tt.file))), cmp.AllowUnexported(content{}), ignorePages); diff != "" {
				t.Errorf("byte by byte: -want +got:\n%s", diff)
			}
		})
	}
}

var ignorePages = cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".pages" }, cmp.Ignore())

// However long the file, a page holds about a thousand spans, and all come once
// and in order.
func TestPages(t *testing.T) {
	var file strings.Builder
	for id := range uint64(3500) {
		file.WriteString(span(id+1) + "\n")
	}
	got := read(strings.NewReader(file.String()))
	if got.pages != 4 || len(got.IDs) != 3500 || got.Err != "" {
		t.Fatalf("got %d spans in %d pages, %s", len(got.IDs), got.pages, got.Err)
	}
	for i, id := range got.IDs {
		if id != uint64(i+1) {
			t.Fatalf("got span %d in place %d", id, i)
		}
	}
}

// What stands before the fault is handed over, then the fault is told.
func TestReaderThatFails(t *testing.T) {
	broken := errors.New("disk on fire")
	got := read(io.MultiReader(strings.NewReader(span(1)+"\n"+span(2)+"\n"+span(3)[:9]), iotest.ErrReader(broken)))
	want := content{IDs: []uint64{1, 2}, Err: `read "spans.ndjson": line 3: disk on fire`}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(content{}), ignorePages); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestPageEndsTheReading(t *testing.T) {
	stop := errors.New("enough")
	file := strings.Repeat(span(1)+"\n", 2500)
	calls := 0
	err := spanfile.Read(context.Background(), strings.NewReader(file), "x", jaeger.NewDecoder(nil, ""), func([]source.Span, []spanfile.Bad) error {
		calls++
		return stop
	})
	if err != stop || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func TestContextEndsTheReading(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	file := strings.Repeat(span(1)+"\n", 2500)
	calls := 0
	err := spanfile.Read(ctx, strings.NewReader(file), "x", jaeger.NewDecoder(nil, ""), func([]source.Span, []spanfile.Bad) error {
		calls++
		cancel()
		return nil
	})
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("got %v after %d calls", err, calls)
	}
}

func TestOpen(t *testing.T) {
	name := filepath.Join(t.TempDir(), "spans")
	if _, err := spanfile.Open(name, nil); err == nil || err.Error() != fmt.Sprintf("open %q: no such file or directory", name) {
		t.Errorf("got %v", err)
	}
	if err := os.WriteFile(name, []byte(span(7)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{name, "-"} {
		r, err := spanfile.Open(name, strings.NewReader(span(7)))
		if err != nil {
			t.Fatal(err)
		}
		if got := read(r); len(got.IDs) != 1 || got.IDs[0] != 7 {
			t.Errorf("%s: got %+v", name, got)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	dir, err := spanfile.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	if got := read(dir); got.Err != `read "spans.ndjson": line 1: is a directory` {
		t.Errorf("got %+v", got)
	}
}

// FuzzRead: any bytes give spans, bad lines in order, or an error.
func FuzzRead(f *testing.F) {
	f.Add([]byte(span(1) + "\n{}\n" + span(2)))
	f.Add([]byte("\x1f\x8b\x08\x00"))
	f.Add([]byte("\xef\xbb\xbf\n\n{\"index\":{}}\n{\"_source\":{}}"))
	f.Fuzz(func(t *testing.T, file []byte) {
		c := read(bytes.NewReader(file))
		lines, last := bytes.Count(file, []byte("\n"))+1, 0
		for _, bad := range c.Bad {
			if bad.Line <= last || bad.Reason == "" {
				t.Fatalf("got %v after line %d", bad, last)
			}
			last = bad.Line
		}
		if gzipped := bytes.HasPrefix(file, []byte("\x1f\x8b")); !gzipped && (c.Err != "" || len(c.IDs)+len(c.Bad) > lines) {
			t.Fatalf("got %+v of %d lines", c, lines)
		}
	})
}

func BenchmarkRead(b *testing.B) {
	for _, name := range []string{"plain", "gzip"} {
		b.Run(name, func(b *testing.B) {
			file, err := os.ReadFile(filepath.Join("..", "jaeger", "testdata", "hotrod-v2.ndjson.gz"))
			if err != nil {
				b.Fatal(err)
			}
			z, err := gzip.NewReader(bytes.NewReader(file))
			if err != nil {
				b.Fatal(err)
			}
			plain, err := io.ReadAll(z)
			if err != nil {
				b.Fatal(err)
			}
			if name == "plain" {
				file = plain
			}
			b.SetBytes(int64(len(plain)))
			b.ReportAllocs()
			for b.Loop() {
				if c := read(bytes.NewReader(file)); len(c.IDs) == 0 || c.Err != "" {
					b.Fatal(c.Err)
				}
			}
		})
	}
}
