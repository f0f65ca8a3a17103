package web_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/slo"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/web"
)

// share has a bench be the first of two readers, with a part of two commits, and
// returns how far the part was after each.
func (b *bench) share() (first, last slo.PartHead) {
	b.t.Helper()
	objective := available("a", "shop").With(slo.DefaultAlerting())
	store, err := state.Open(filepath.Join(b.t.TempDir(), state.FileName))
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { store.Close() })
	l := slo.NewLedger(slo.LedgerOptions{Objectives: []slo.Objective{objective}, Retention: 400 * 24 * time.Hour, Shared: true, Reader: "1/2", Configuration: "x", Log: zerolog.Nop()})
	if err := store.View(func(tx *state.Tx) error { return l.Load(tx, epoch, true) }); err != nil {
		b.t.Fatal(err)
	}
	name, minute := [3]string{"a", objective.Fingerprint(), ""}, epoch.Unix()/60
	heads := []*slo.PartHead{&first, &last}
	for i, head := range heads {
		judged, err := l.Increments([]slo.Increment{{
			Series:   [][3]string{name, {}},
			Minutes:  [][4]int64{{0, minute + int64(i), 5, 1}, {1, minute + int64(i), 7, 0}},
			Culprits: []slo.PartCulprit{{Day: minute / 1440, CulpritCount: slo.CulpritCount{Service: "shop", Operation: "pay", ErrorType: "503", Bad: 1}}},
			Bad:      []slo.PartBadEvent{{TraceID: strings.Repeat("a", 32), SpanID: strings.Repeat("b", 16), End: at(i).UnixMicro(), Duration: 1, Service: "shop", Operation: "pay"}},
		}})
		if err != nil {
			b.t.Fatal(err)
		}
		step := source.Step{Now: at(i + 1), Watermark: at(i + 1), Alive: at(i + 1), Lost: i == 1}
		if err := store.Update(func(tx *state.Tx) error { return l.Save(tx, step, judged) }); err != nil {
			b.t.Fatal(err)
		}
		l.Publish()
		if err := store.View(func(tx *state.Tx) (err error) {
			*head, err = l.Head(tx)
			return err
		}); err != nil {
			b.t.Fatal(err)
		}
	}
	b.running.Share = &web.Share{Ledger: l, View: store.View}
	b.running.Readers = &web.Readers{Reader: "1/2", AddedUp: true, Missing: []string{}}
	return first, last
}

func TestAPartIsToldFromAnIncrementOn(t *testing.T) {
	b := platform(t)
	first, last := b.share()
	var part slo.Part
	if err := json.Unmarshal([]byte(b.get(fmt.Sprintf("/api/v1/ledger?after=%d&mark=%s", first.Seq, first.Mark), http.StatusOK)), &part); err != nil {
		t.Fatal(err)
	}
	if part.Seq != last.Seq || part.Mark != last.Mark || len(part.Increments) != 1 || len(part.Increments[0].Minutes) != 2 || len(part.Gaps) != 1 {
		t.Errorf("got %+v", part)
	}
	lines := strings.Split(strings.TrimSpace(b.get("/api/v1/ledger/all", http.StatusOK)), "\n")
	if len(lines) != 3 || lines[2] != `"end"` || !strings.Contains(lines[1], strings.Repeat("a", 32)) {
		t.Errorf("got %q", lines)
	}
}

// TestMissingReadersAreTold says on every page, in the API, on a terminal and in
// reports which reader is missing.
func TestMissingReadersAreTold(t *testing.T) {
	b := platform(t)
	const missing = "Reader 2/2 is missing since 2026-03-02T01:00:00Z: ask http://b: <i>refused</i>."
	told := func(path string, want bool) {
		t.Helper()
		text := b.get(path, http.StatusOK)
		if strings.Contains(text, "<i>") {
			t.Errorf("%s repeats markup", path)
		}
		if got := strings.Contains(text, "Reader 2/2 is missing since 2026"); got != want {
			t.Errorf("%s tells of the reader: %t, want %t", path, got, want)
		}
	}
	b.running.Readers = &web.Readers{Reader: "1/2", AddedUp: true, Missing: []string{missing}}
	for _, path := range []string{"/", "/slo/search", "/feed", "/config", "/api/v1/status", "/api/v1/report?period=today", "/api/v1/report?period=today&format=markdown"} {
		told(path, true)
	}
	if text := b.get("/api/v1/report?period=today&format=markdown", http.StatusOK); !strings.Contains(text, "\n\n> Reader 2/2 is missing") {
		t.Errorf("in Markdown the note is no paragraph of its own:\n%.500s", text)
	}
	var status web.Status
	if err := json.Unmarshal([]byte(b.get("/api/v1/status", http.StatusOK)), &status); err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := web.WriteText(&text, status, nil, false); err != nil || !strings.Contains(text.String(), "Reader 2/2 is missing") {
		t.Errorf("%v: the terminal shows\n%s", err, &text)
	}
	b.running.Readers.AddedUp = false
	if answer := b.do(http.MethodGet, "/api/v1/report"); answer.Code != http.StatusServiceUnavailable || !strings.Contains(answer.Body.String(), "not added up yet") {
		t.Errorf("a report of readers that are not added up: %d %s", answer.Code, answer.Body)
	}
	b.running.Readers = &web.Readers{Reader: "1/2", Missing: []string{}}
	if text := b.get("/", http.StatusOK); !strings.Contains(text, "reader 1/2, and all figures are of its part") {
		t.Error("a part is not called one")
	}
	b.running.Readers = nil
	told("/", false)
	b.running.Readers = &web.Readers{Reader: "1/2", AddedUp: true}
	if text := b.get("/feed", http.StatusOK); !strings.Contains(text, "the shards of reader 1/2.") {
		t.Error("the page of the feed does not say whose shards it shows")
	}
}

// TestASlowClientDoesNotHoldTheLedgerForEver has one take more than an hour for
// the first line.
func TestASlowClientDoesNotHoldTheLedgerForEver(t *testing.T) {
	b := platform(t)
	b.share()
	view := b.running.Share.View
	b.running.Share.View = func(read func(*state.Tx) error) error {
		return view(func(tx *state.Tx) error {
			b.now = b.now.Add(61 * time.Minute)
			return read(tx)
		})
	}
	defer func() {
		// The connection is cut, or the client would take what it has for all.
		if cut := recover(); cut != http.ErrAbortHandler || !strings.Contains(b.log.String(), "the client had not taken all within 1h") {
			t.Errorf("%v\n%s", cut, b.log)
		}
	}()
	b.get("/api/v1/ledger/all", http.StatusOK)
	t.Error("it is answered")
}
