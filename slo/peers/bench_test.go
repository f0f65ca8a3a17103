package peers_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/slo/peers"
	"github.com/traceslo/traceslo/source"
)

// counting counts what is written through it.
type counting struct {
	http.ResponseWriter
	bytes *int64
}

// Write implements io.Writer.
func (c counting) Write(p []byte) (int, error) {
	*c.bytes += int64(len(p))
	return c.ResponseWriter.Write(p)
}

// BenchmarkBuild adds up two readers anew, each with a month of objectives that
// have events in every minute. An operation is one objective of one reader.
func BenchmarkBuild(b *testing.B) {
	const objectives, days = 20, 30
	o := slo.LedgerOptions{Retention: 400 * 24 * time.Hour, Shared: true, Configuration: "same", Log: zerolog.Nop()}
	for i := range objectives {
		one := objective
		one.Name = fmt.Sprint("a", i)
		o.Objectives = append(o.Objectives, one)
	}
	var members []peers.Member
	bytes := int64(0)
	for k := 1; k <= 2; k++ {
		o.Reader = fmt.Sprintf("%d/2", k)
		store, err := state.Open(filepath.Join(b.TempDir(), state.FileName))
		if err != nil {
			b.Fatal(err)
		}
		defer store.Close()
		ledger := slo.NewLedger(o)
		if err := store.View(func(tx *state.Tx) error { return ledger.Load(tx, time.Now(), true) }); err != nil {
			b.Fatal(err)
		}
		first := time.Now().AddDate(0, 0, -days).Unix() / 60
		for day := range int64(days) {
			in := slo.Increment{Series: [][3]string{{}}}
			for i := range objectives {
				in.Series = append(in.Series, [3]string{fmt.Sprint("a", i), objective.Fingerprint(), ""})
			}
			for m := first + day*1440; m < first+(day+1)*1440; m++ {
				for i := range in.Series {
					in.Minutes = append(in.Minutes, [4]int64{int64(i), m, 900 + m%100, m % 3})
				}
			}
			judged, err := ledger.Increments([]slo.Increment{in})
			if err != nil {
				b.Fatal(err)
			}
			now := time.Now()
			if err := store.Update(func(tx *state.Tx) error {
				return ledger.Save(tx, source.Step{Now: now, Watermark: now, Alive: now}, judged)
			}); err != nil {
				b.Fatal(err)
			}
			ledger.Publish()
		}
		view := func(read func(*state.Tx) error) error { return store.View(read) }
		if k == 1 {
			members = append(members, peers.Own(ledger, view))
			continue
		}
		r := &reader{store: store, ledger: ledger}
		mux := http.NewServeMux()
		mux.HandleFunc("GET /api/v1/ledger", r.part)
		mux.HandleFunc("GET /api/v1/ledger/all", func(w http.ResponseWriter, _ *http.Request) {
			if err := view(func(tx *state.Tx) error { return ledger.WritePart(tx, counting{w, &bytes}) }); err != nil {
				b.Error(err)
			}
		})
		server := httptest.NewServer(mux)
		defer server.Close()
		m, err := peers.Dial(server.URL, "")
		if err != nil {
			b.Fatal(err)
		}
		members = append(members, m)
	}
	took, builds := time.Duration(0), 0
	for b.Loop() {
		path := filepath.Join(b.TempDir(), peers.FileName)
		u, err := peers.New(peers.Options{Self: source.Member{Number: 1, Of: 2}, Members: members, Ledger: o, Path: path, Poll: time.Second,
			Log: zerolog.Nop(), Metrics: peers.NewMetrics(prometheus.NewRegistry())})
		if err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		if _, err := u.Step(b.Context()); err != nil || u.Ledger() == nil {
			b.Fatal(err, u.Missing())
		}
		took += time.Since(began)
		builds++
		if err := u.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(took.Seconds()*1e3/float64(builds*2*objectives), "ms/objective-month")
	b.ReportMetric(float64(bytes)/float64(builds*objectives)/1e3, "kB/objective-month")
}
