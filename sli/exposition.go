package sli

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/rs/zerolog"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

// Handler serves /metrics: what the gatherer gathers and, streamed, the jaeger_*
// series of the recorder, which may be nil while there is none. It negotiates
// protobuf, OpenMetrics and text, and gzip. Whoever wants its own requests
// counted wraps it in promhttp.InstrumentMetricHandler.
//
// A gatherer that fails in part is logged, and what it did gather is served: the
// counts of spans do not depend on it.
func Handler(gatherer prometheus.Gatherer, recorder func() *Recorder, log zerolog.Logger) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		format := expfmt.NegotiateAccept(req.Header, expfmt.FmtOpenMetrics_1_0_0, expfmt.FmtOpenMetrics_0_0_1, expfmt.FmtProtoDelim, expfmt.FmtText)
		w.Header().Set("Content-Type", string(format))
		w.Header().Add("Vary", "Accept, Accept-Encoding")
		var out io.Writer = w
		if acceptsGzip(req.Header.Get("Accept-Encoding")) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzips.Get().(*gzip.Writer)
			defer func() {
				z.Reset(nil)
				gzips.Put(z)
			}()
			z.Reset(w)
			out = z
		}
		families, err := gatherer.Gather()
		if err != nil {
			log.Error().Err(err).Msg("gather metrics")
		}
		err = Write(out, format, families, recorder(), time.Now())
		if z, ok := out.(*gzip.Writer); ok && err == nil {
			err = z.Close()
		}
		if err != nil {
			log.Debug().Err(err).Str("remote", req.RemoteAddr).Msg("serve metrics")
			// The client must not take what it got for the whole.
			panic(http.ErrAbortHandler)
		}
	})
}

// gzips keeps compressors from scrape to scrape: one is about a megabyte.
var gzips = sync.Pool{New: func() any {
	z, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err)
	}
	return z
}}

// acceptsGzip reads the header Accept-Encoding.
func acceptsGzip(header string) bool {
	for coding := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(coding, ";")
		if strings.TrimSpace(name) != "gzip" {
			continue
		}
		q, _ := strings.CutPrefix(strings.TrimSpace(parameters), "q=")
		return strings.Trim(q, "0.") != "" || !strings.HasPrefix(q, "0")
	}
	return false
}

// Write writes the families, which must be sorted by name, and between them in
// order of their names the jaeger_* families of r as it was published last; r
// may be nil. now decides which series are new enough to be shown at 0.
//
// It holds no more than a chunk of r's metrics at once, and every chunk is made
// of the same objects.
func Write(w io.Writer, format expfmt.Format, families []*dto.MetricFamily, r *Recorder, now time.Time) error {
	s := scrapes.Get().(*scrape)
	defer scrapes.Put(s)
	s.begin(w, format)
	defer s.release()
	if r == nil {
		if err := s.writeFamilies(families); err != nil {
			return err
		}
		return s.finish()
	}
	s.rows = r.snapshot(s.rows)
	s.chunk = newChunk(r, now)
	for _, own := range ownFamilies {
		before, _ := slices.BinarySearchFunc(families, own.name, func(f *dto.MetricFamily, name string) int { return cmp.Compare(f.GetName(), name) })
		if err := s.writeFamilies(families[:before]); err != nil {
			return err
		}
		families = families[before:]
		if err := s.writeOwn(own); err != nil {
			return err
		}
	}
	if err := s.writeFamilies(families); err != nil {
		return err
	}
	return s.finish()
}

// A scrape is one writing of the metrics. Its memory is used again.
type scrape struct {
	out    io.Writer
	format expfmt.Format
	// encoder writes into buffer, which goes out after each family or chunk.
	encoder expfmt.Encoder
	buffer  bytes.Buffer
	binary  []byte
	rows    []row
	chunk   *chunk
}

var scrapes = sync.Pool{New: func() any { return new(scrape) }}

func (s *scrape) begin(w io.Writer, format expfmt.Format) {
	s.out, s.format = w, format
	s.buffer.Reset()
	s.encoder = expfmt.NewEncoder(&s.buffer, format)
}

// release lets go of what the scrape saw.
func (s *scrape) release() {
	clear(s.rows)
	s.out, s.encoder, s.chunk = nil, nil, nil
}

// finish writes what the format has at its end.
func (s *scrape) finish() error {
	if c, ok := s.encoder.(expfmt.Closer); ok {
		if err := c.Close(); err != nil {
			return err
		}
	}
	return s.flush(0)
}

// flush writes the buffer from its byte from on, and empties it.
func (s *scrape) flush(from int) error {
	_, err := s.out.Write(s.buffer.Bytes()[from:])
	s.buffer.Reset()
	return err
}

func (s *scrape) writeFamilies(families []*dto.MetricFamily) error {
	for _, f := range families {
		if err := s.encoder.Encode(f); err != nil {
			return fmt.Errorf("encode %q: %w", f.GetName(), err)
		}
		if err := s.flush(0); err != nil {
			return err
		}
	}
	return nil
}

func (s *scrape) writeOwn(own ownFamily) error {
	if s.format.FormatType() == expfmt.TypeProtoDelim {
		return s.writeProtobuf(own)
	}
	head := own.family()
	first := true
	return s.chunk.each(s.rows, own, func(metrics []*dto.Metric) error {
		head.Metric = metrics
		if err := s.encoder.Encode(head); err != nil {
			return fmt.Errorf("encode %q: %w", own.name, err)
		}
		from := 0
		if !first {
			// The line TYPE may be there once only.
			from = bytes.IndexByte(s.buffer.Bytes(), '\n') + 1
		}
		first, head.Help = false, nil
		return s.flush(from)
	})
}

// writeProtobuf writes one family, whose length comes before it: a first pass
// over the metrics finds it, which the second, over the same records, repeats.
func (s *scrape) writeProtobuf(own ownFamily) error {
	head, err := proto.Marshal(own.family())
	if err != nil {
		return fmt.Errorf("encode %q: %w", own.name, err)
	}
	length := 0
	_ = s.chunk.each(s.rows, own, func(metrics []*dto.Metric) error {
		for _, m := range metrics {
			length += protowire.SizeTag(metricField) + protowire.SizeBytes(proto.Size(m))
		}
		return nil
	})
	if length == 0 {
		return nil
	}
	s.binary = append(protowire.AppendVarint(s.binary[:0], uint64(len(head)+length)), head...)
	options := proto.MarshalOptions{UseCachedSize: true}
	return s.chunk.each(s.rows, own, func(metrics []*dto.Metric) error {
		for _, m := range metrics {
			s.binary = protowire.AppendTag(s.binary, metricField, protowire.BytesType)
			s.binary = protowire.AppendVarint(s.binary, uint64(proto.Size(m)))
			if s.binary, err = options.MarshalAppend(s.binary, m); err != nil {
				return fmt.Errorf("encode %q: %w", own.name, err)
			}
		}
		_, err := s.out.Write(s.binary)
		s.binary = s.binary[:0]
		return err
	})
}

// metricField is the number of the field metric in io.prometheus.client.MetricFamily.
const metricField = 4
