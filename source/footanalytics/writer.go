package footanalytics

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/jaeger"
)

const (
	// A Writer hands batchSpans spans to its Bulk at a time, and makes no more
	// than batchSlots slots without telling of its progress.
	batchSpans = 4000
	batchSlots = 60
	// liveInterval is how often it looks for slots that are over.
	liveInterval = time.Second
	// dayLayout is how Jaeger names the indices of a day, by default.
	dayLayout = "2006-01-02"
)

// WriterOptions say where a Writer writes. All fields but URL are optional.
type WriterOptions struct {
	// URL leads to the cluster. A host that is not this machine is refused
	// unless AllowRemote is set: invented spans have no place among real ones.
	URL         string
	AllowRemote bool
	// Client makes the requests; see NewBulk.
	Client *http.Client
	// Prefix is Jaeger's index prefix: "jaeger" writes jaeger-jaeger-span-*.
	Prefix string
	// Layout is where the documents keep their tags.
	Layout jaeger.Layout
	// Shards and Replicas are those of each new index; Shards is 3 if it is 0.
	Shards, Replicas int
	// Progress, if not nil, is called after each piece of history and whenever
	// the writer has caught up, in Run's goroutine.
	Progress func(Progress)
}

// Progress is how far a Writer came.
type Progress struct {
	// Spans is how many spans were written since Run began.
	Spans int64
	// Upto is the time before which all spans that ended are stored.
	Upto time.Time
	// Live holds once the history is written.
	Live bool
}

// A Writer writes the spans of a Source into a cluster as Jaeger's collectors
// would: the index templates, the spans in an index for each day (UTC) that they
// began on, and the names of the services and operations, which Jaeger's UI
// lists. A document's id hangs on its span, so that a Writer that is run again
// stores nothing twice.
type Writer struct {
	source  *Source
	bulk    *Bulk
	options WriterOptions

	// All below is Run's. A batch is items, whose documents lie in one piece of
	// memory and end at ends; spans is how many of them are spans.
	items     []Item
	documents []byte
	ends      []int
	spans     int64
	// named holds the operations whose names were put into a batch, by day.
	named    map[[3]string]bool
	progress Progress
}

// NewWriter returns a Writer of s, or an error that says why it must not write there.
func NewWriter(s *Source, o WriterOptions) (*Writer, error) {
	bulk, err := NewBulk(o.URL, o.Client)
	if err != nil {
		return nil, err
	}
	if !o.AllowRemote && !isLoopback(bulk.host) {
		return nil, fmt.Errorf("%q is not this machine: invented spans would be stored there among real ones; allow it if that is meant", bulk.host)
	}
	if o.Shards == 0 {
		o.Shards = 3
	}
	return &Writer{source: s, bulk: bulk, options: o, named: map[[3]string]bool{}}, nil
}

// isLoopback holds if a URL's host is this machine, which no name server is asked for.
func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.Unmap().IsLoopback()
}

// Run installs the index templates where they are missing, writes the history
// of the source, and then its spans as they come, until ctx ends; it then
// returns nil. An error ends it too: what passes has been tried again for half
// a minute by then. It is called once.
func (w *Writer) Run(ctx context.Context) error {
	if err := w.run(ctx); err != nil && ctx.Err() == nil {
		return err
	}
	return nil
}

func (w *Writer) run(ctx context.Context) error {
	if err := w.install(ctx); err != nil {
		return err
	}
	tick := time.NewTicker(liveInterval)
	defer tick.Stop()
	for after := w.source.created.Unix() - 1; ; {
		survey, err := w.source.Survey(ctx)
		if err != nil {
			return err
		}
		for upto := survey.Indices[0].Shards[0].Upto; after < upto; {
			next := min(after+batchSlots, upto)
			if err := w.write(ctx, source.Range{Index: Index, UUID: w.source.uuid, After: after, Upto: next}); err != nil {
				return err
			}
			after = next
			w.progress.Upto = time.Unix(after+1, 0).UTC()
			w.progress.Live = w.progress.Live || after == upto
			w.tell()
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (w *Writer) tell() {
	if w.options.Progress != nil {
		w.options.Progress(w.progress)
	}
}

// write writes the spans of a range.
func (w *Writer) write(ctx context.Context, r source.Range) error {
	err := w.source.Documents(ctx, r, func(d *jaeger.Document) error {
		w.add(d)
		if w.spans < batchSpans {
			return nil
		}
		return w.flush(ctx)
	})
	if err != nil {
		return err
	}
	return w.flush(ctx)
}

// add puts a span into the batch, and its operation's name if that is new.
func (w *Writer) add(d *jaeger.Document) {
	day := time.UnixMicro(d.Start).UTC().Format(dayLayout)
	w.documents = jaeger.AppendDocument(w.documents, d, w.options.Layout)
	w.addItem(jaeger.SpanIndex(w.options.Prefix)+day, fmt.Sprintf("%x_%016x", d.TraceID, d.SpanID))
	w.spans++
	if name := [3]string{day, d.Service, d.Operation}; !w.named[name] {
		w.named[name] = true
		w.documents = appendName(w.documents, d.Service, d.Operation)
		w.addItem(serviceIndex(w.options.Prefix)+day, nameID(d.Service, d.Operation))
	}
}

// addItem makes an item of what was appended to documents.
func (w *Writer) addItem(index, id string) {
	w.items = append(w.items, Item{Index: index, ID: id})
	w.ends = append(w.ends, len(w.documents))
}

// flush writes the batch and begins a new one.
func (w *Writer) flush(ctx context.Context) error {
	begin := 0
	for i, end := range w.ends {
		w.items[i].Source = w.documents[begin:end]
		begin = end
	}
	_, err := w.bulk.Write(ctx, w.items)
	w.progress.Spans += w.spans
	w.items, w.documents, w.ends, w.spans = w.items[:0], w.documents[:0], w.ends[:0], 0
	return err
}
