package main

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/state"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/sourcetest"
)

// caughtUp lets a feed read so many spans, 50,000 each time, and tells of it
// each quarter of a second.
func caughtUp(t *testing.T, spans int, each time.Duration, tell func(*teller)) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		memory := sourcetest.NewMemory("c", began)
		memory.PageSize = 50_000
		some := make([]source.Span, spans)
		memory.Create("spans", 1).Append(0, some...)
		memory.OnSurvey = func() error { <-time.After(each); return nil }
		store, err := state.Open(t.TempDir() + "/state")
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		var positions *source.Positions
		if err := store.View(func(tx *state.Tx) error { positions, err = source.LoadPositions(tx); return err }); err != nil {
			t.Fatal(err)
		}
		feed, err := source.NewFeed(source.FeedOptions{Source: memory, Counter: uncounted{}, Positions: positions, Start: source.Start{Earliest: true},
			Readers: 1, Poll: 5 * time.Second, Log: zerolog.Nop(), Metrics: source.NewMetrics(prometheus.NewRegistry(), nil, nil)})
		if err != nil {
			t.Fatal(err)
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			for more := true; more; {
				if more, err = feed.Step(t.Context(), time.Now()); err != nil {
					t.Error(err)
				}
			}
		}()
		var teller teller
		tell(&teller)
		tick := time.NewTicker(tellEvery)
		defer tick.Stop()
		for range tick.C {
			teller.tell(time.Now(), feed.Progress())
			select {
			case <-done:
				teller.tell(time.Now(), feed.Progress())
				return
			default:
			}
		}
	})
}

type uncounted struct{}

func (uncounted) Count(int, []source.Span) {}

func (uncounted) CountGroups(int, []source.Group, []source.Span) {}

func (uncounted) Commit(source.Step) error { return nil }

func (uncounted) Discard() {}

func TestACatchingUpIsLoggedNowAndThen(t *testing.T) {
	for _, test := range []struct {
		spans int
		each  time.Duration
		want  []string
	}{
		{110_000, time.Second, nil}, // soon over
		{1_000_000, 4 * time.Second, []string{
			`{"spans":50000,"percent":5,"spans_per_second":6250,"time_left":"2m32s","message":"catching up"}`,
			`{"spans":800000,"percent":80,"spans_per_second":12188,"time_left":"16s","message":"catching up"}`,
			`{"took":"1m24s","message":"the catching up ended"}`,
		}},
	} {
		var log bytes.Buffer
		caughtUp(t, test.spans, test.each, func(w *teller) { w.log = zerolog.New(&log) })
		var got []string
		for line := range strings.Lines(log.String()) {
			got = append(got, strings.TrimSpace(strings.Replace(line, `"level":"info",`, "", 1)))
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%d spans (-want +got):\n%s", test.spans, diff)
		}
	}
}

func TestACatchingUpIsABarOnATerminal(t *testing.T) {
	var screen bytes.Buffer
	b := &bar{out: &screen}
	caughtUp(t, 1_000_000, 4*time.Second, func(w *teller) { w.bar, w.log = b, zerolog.New(b) })
	var got []string
	for line := range strings.SplitSeq(screen.String(), clearLine) {
		if len(strings.TrimSuffix(line, "\n")) > 80 && strings.HasPrefix(line, "catching") {
			t.Errorf("%q does not fit into a line of a terminal", line)
		}
		got = append(got, line)
	}
	for i, want := range map[int]string{
		0: "", 1: "catching up [=                   ] 5%, 50.0k spans, 6.2k/s, 2m32s left",
		len(got) - 1: `{"level":"info","took":"1m24s","message":"the catching up ended"}` + "\n",
	} {
		if got[i] != want {
			t.Errorf("line %d of %d: got %q, want %q", i, len(got), got[i], want)
		}
	}
	if len(got) < 18 {
		t.Errorf("only %d lines are shown", len(got))
	}
}

func TestACatchingUpThatIsBrokenOffHasNotEnded(t *testing.T) {
	var screen bytes.Buffer
	b := &bar{out: &screen}
	w := teller{bar: b, log: zerolog.New(b)}
	now := time.Now()
	w.tell(now, &source.Progress{Began: now.Add(-time.Minute), Spans: 5, Read: 5, Left: 5})
	w.forget()
	w.tell(now, nil)
	want := clearLine + "catching up [==========          ] 50%, 5 spans, 0/s, comes no nearer to its end" + clearLine
	if diff := cmp.Diff(want, screen.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestLinesOfTheLogStandAboveTheBar(t *testing.T) {
	var screen bytes.Buffer
	b := &bar{out: &screen}
	log := zerolog.New(b)
	log.Info().Msg("before")
	b.show("half")
	b.show("half")
	log.Info().Msg("amid")
	b.show("")
	log.Info().Msg("after")
	want := `{"level":"info","message":"before"}` + "\n" + clearLine + "half" + clearLine + `{"level":"info","message":"amid"}` + "\nhalf" + clearLine + `{"level":"info","message":"after"}` + "\n"
	if diff := cmp.Diff(want, screen.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFiguresOfABarAreShort(t *testing.T) {
	for n, want := range map[float64]string{0: "0", 999: "999", 1000: "1.0k", 99_999: "99.9k", 24_117_221: "24.1M", 12e9: "12.0G"} {
		if got := short(n); got != want {
			t.Errorf("%v: got %s, want %s", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{1400 * time.Millisecond: "1s", 92 * time.Second: "1m32s", 90*time.Minute + 20*time.Second: "1h30m"} {
		if got := roughly(d); got != want {
			t.Errorf("%v: got %s, want %s", d, got, want)
		}
	}
}
