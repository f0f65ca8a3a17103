package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/source"
)

// A bar is a line of a terminal that stays below what is written through it.
type bar struct {
	out io.Writer

	mu   sync.Mutex // guards line
	line string
}

// newBar returns one if w is a terminal, else nil.
func newBar(w io.Writer) *bar {
	if file, ok := w.(*os.File); ok && isatty.IsTerminal(file.Fd()) {
		return &bar{out: w}
	}
	return nil
}

// clearLine takes away what stands in the line of the cursor.
const clearLine = "\r\x1b[K"

// Write implements io.Writer, for whole lines.
func (b *bar) Write(lines []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.line == "" {
		return b.out.Write(lines)
	}
	if _, err := fmt.Fprintf(b.out, "%s%s%s", clearLine, lines, b.line); err != nil {
		return 0, err
	}
	return len(lines), nil
}

// show shows another line, or takes it away if that is "".
func (b *bar) show(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if line != b.line {
		// A terminal that is gone shows nothing.
		_, _ = fmt.Fprint(b.out, clearLine+line)
		b.line = line
	}
}

// A teller tells people how far a catching up came: by a bar on a terminal, or
// by lines of the log, now and then. One that is soon over is not told of.
type teller struct {
	bar *bar // nil for none
	log zerolog.Logger
	// last is how far it was when it was looked at last, nil if none went on.
	last *source.Progress
	// told holds if people know of it, and logged is when that was last logged.
	told   bool
	logged time.Time
}

const (
	// tellEvery is how often a bar is drawn.
	tellEvery = 250 * time.Millisecond
	// barAfter and logAfter are for how long a catching up goes on before
	// people are told of it, and logEvery is how often it is logged.
	barAfter = 2 * time.Second
	logAfter = 10 * time.Second
	logEvery = time.Minute
)

// tellProgress tells of the catching up of whatever pipeline is at work, until ctx ends.
func (d *daemon) tellProgress(ctx context.Context) {
	t := teller{bar: d.bar, log: d.log}
	defer t.forget()
	tick := time.NewTicker(tellEvery)
	defer tick.Stop()
	var at *pipeline
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			p := d.current.Load()
			if p != at {
				// Another configuration goes on with what is left, and counts anew.
				t.forget()
				at = p
			}
			if p != nil {
				t.tell(now, p.feed.Progress())
			}
		}
	}
}

// forget takes the bar away, of a catching up that was broken off.
func (t *teller) forget() {
	if t.bar != nil {
		t.bar.show("")
	}
	t.last, t.told, t.logged = nil, false, time.Time{}
}

// tell takes in how far a catching up is, nil if none goes on.
func (t *teller) tell(now time.Time, p *source.Progress) {
	switch {
	case p == nil:
		before, told := t.last, t.told
		t.forget()
		if told {
			t.log.Info().Str("took", roughly(now.Sub(before.Began))).Msg("the catching up ended")
		}
		return
	case t.bar != nil:
		if now.Sub(p.Began) >= barAfter {
			t.bar.show(barLine(p))
			t.told = true
		}
	case now.Sub(p.Began) >= logAfter && now.Sub(t.logged) >= logEvery:
		event := t.log.Info().Int64("spans", p.Spans).Int("percent", int(p.Part()*100)).Int64("spans_per_second", int64(p.Rate))
		if remaining, ok := p.Remaining(); ok {
			event = event.Str("time_left", roughly(remaining))
		}
		event.Msg("catching up")
		t.told, t.logged = true, now
	}
	t.last = p
}

// barLine draws a bar, which fits into a line of 80 characters.
func barLine(p *source.Progress) string {
	const width = 20
	filled := int(p.Part() * width)
	left := "comes no nearer to its end"
	if remaining, ok := p.Remaining(); ok {
		left = roughly(remaining) + " left"
	}
	return fmt.Sprintf("catching up [%s%s] %d%%, %s spans, %s/s, %s", strings.Repeat("=", filled), strings.Repeat(" ", width-filled),
		int(p.Part()*100), short(float64(p.Spans)), short(p.Rate), left)
}

// short writes a number as people say it, as 24.1M.
func short(n float64) string {
	for _, unit := range []struct {
		of   float64
		name string
	}{{1e9, "G"}, {1e6, "M"}, {1e3, "k"}} {
		if n >= unit.of {
			return fmt.Sprintf("%.1f%s", math.Floor(n/unit.of*10)/10, unit.name)
		}
	}
	return fmt.Sprintf("%.0f", n)
}

// roughly writes a duration as exactly as people want to know one.
func roughly(d time.Duration) string {
	if d >= 10*time.Minute {
		return config.FormatDuration(d.Round(time.Minute))
	}
	return config.FormatDuration(d.Round(time.Second))
}
