package bench_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/bench"
	"github.com/traceslo/traceslo/internal/testenv"
)

func TestLineFindsTheSlopeAndItsError(t *testing.T) {
	var exact []bench.Point
	for x := range 10 {
		exact = append(exact, bench.Point{X: float64(x), Y: 3 - 2*float64(x)})
	}
	if f := bench.Line(exact); math.Abs(f.Slope+2) > 1e-12 || math.Abs(f.At0-3) > 1e-12 || f.Error > 1e-12 {
		t.Errorf("of points on a line: %+v", f)
	}
	if f := bench.Line(exact[:2]); !math.IsNaN(f.Slope) {
		t.Errorf("of two points: %+v", f)
	}
	// Of many lines through scattered points, two thirds are to be within the error that they tell.
	rnd := rand.New(rand.NewPCG(1, 1))
	within, all := 0, 2000
	for range all {
		points := make([]bench.Point, 50)
		for i := range points {
			points[i] = bench.Point{X: float64(i), Y: 0.5*float64(i) + 10*rnd.NormFloat64()}
		}
		if f := bench.Line(points); math.Abs(f.Slope-0.5) < f.Error {
			within++
		}
	}
	if part := float64(within) / float64(all); part < 0.63 || part > 0.73 {
		t.Errorf("%.3f of the slopes are within their standard error, 0.68 are to be", part)
	}
}

func TestTruthTellsEachDifference(t *testing.T) {
	key := bench.Key{Service: "a", Operation: "b", Kind: "server"}
	want := bench.NewTruth()
	want.Add(key, false, 5000)  // On a bound, which is inclusive.
	want.Add(key, false, 5001)  // Just above it.
	want.Add(key, true, 1<<40)  // Above all.
	want.Add(key, false, 10000) // On the next.
	if diff := cmp.Diff([]uint64{1, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, want.Of[key].Buckets); diff != "" {
		t.Errorf("buckets (-want +got):\n%s", diff)
	}
	for name, test := range map[string]struct {
		change func(*bench.Truth)
		want   bench.Difference
	}{
		"the same":           {func(*bench.Truth) {}, bench.Difference{}},
		"one call too many":  {func(c *bench.Truth) { c.Of[key].Calls++ }, bench.Difference{Calls: 1}},
		"one error too few":  {func(c *bench.Truth) { c.Of[key].Errors-- }, bench.Difference{Errors: 1}},
		"in another bucket":  {func(c *bench.Truth) { c.Of[key].Buckets[0]--; c.Of[key].Buckets[1]++ }, bench.Difference{Buckets: 2}},
		"nothing at all":     {func(c *bench.Truth) { clear(c.Of) }, bench.Difference{Calls: 4, Errors: 1, Buckets: 4}},
		"a key that is none": {func(c *bench.Truth) { c.Add(bench.Key{Service: "x"}, true, 1) }, bench.Difference{Calls: 1, Errors: 1, Buckets: 1}},
	} {
		got := bench.NewTruth()
		got.Add(key, false, 5000)
		got.Add(key, false, 5001)
		got.Add(key, true, 1<<40)
		got.Add(key, false, 10000)
		test.change(got)
		if d := want.Differ(got); d != test.want {
			t.Errorf("%s: %+v, want %+v", name, d, test.want)
		}
	}
}

func TestQuantile(t *testing.T) {
	values := []int{5, 1, 4, 2, 3}
	for q, want := range map[float64]int{0: 1, 0.5: 3, 0.99: 5, 1: 5} {
		if got := bench.Quantile(values, q); got != want {
			t.Errorf("quantile %v is %d, want %d", q, got, want)
		}
	}
	if values[0] != 5 {
		t.Error("the values were sorted in place")
	}
	if got := bench.Quantile([]int(nil), 0.5); got != 0 {
		t.Errorf("of none, it is %d", got)
	}
}

func TestFigures(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.0123456: "0.0123", 0.00001: "0.00001", 1.5: "1.5", 123.456: "123", 999.9: "1,000", 1234567: "1,234,567", -2.5: "-2.5"} {
		if got := bench.Figure(v); got != want {
			t.Errorf("%v is written %q, want %q", v, got, want)
		}
	}
	if got := bench.Bytes(12_345_678); got != "12.3 MB" {
		t.Errorf("bytes are written %q", got)
	}
	for want, got := range map[string]string{"0": bench.Part(0, 0), "5": bench.Part(5, 0), "5 (2.5 %)": bench.Part(5, 200)} {
		if got != want {
			t.Errorf("a part is written %q, want %q", got, want)
		}
	}
}

func TestTableIsMarkdown(t *testing.T) {
	table := bench.Table{Head: []string{"a", "b"}}
	table.Add("x|y", 2.0)
	if got, want := table.String(), "| a | b |\n|---|---|\n| x\\|y | 2 |\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestPicturesAreWellFormed draws what is awkward: nothing, zeros on a
// logarithmic scale, one point, and text with marks of its own.
func TestPicturesAreWellFormed(t *testing.T) {
	one := []bench.Point{{X: 10, Y: 3}}
	for name, svg := range map[string]string{
		"none":  bench.Chart{Title: `<a & "b">`}.SVG(),
		"zeros": bench.Chart{LogX: true, LogY: true, Series: []bench.Series{{Name: "<s>", Points: []bench.Point{{X: 0, Y: 0}, {X: 1, Y: 0}}}}}.SVG(),
		"one":   bench.Chart{LogX: true, Series: []bench.Series{{Name: "one", Points: one}, {Name: "plain", Points: one, Plain: true}}}.SVG(),
		"bars":  bench.Bars{Title: "t", Parts: []string{"<p>"}, Bars: []bench.Bar{{Name: "<b>", Values: []float64{1, 2}}, {Name: "none"}}}.SVG(),
	} {
		d := xml.NewDecoder(strings.NewReader(svg))
		for {
			if _, err := d.Token(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Errorf("%s: %v", name, err)
				break
			}
		}
		if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
			t.Errorf("%s: a place is no number:\n%s", name, svg)
		}
	}
}

// TestUsageCountsDescendants lets a grandchild work until its time is seen.
func TestUsageCountsDescendants(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("/proc is Linux's")
	}
	p := testenv.StartProcess(t, testenv.Command{Path: "/bin/sh", Args: []string{"-c", "(while :; do :; done); true"}})
	testenv.Eventually(t, time.Minute, func() error {
		u, err := bench.UsageOf(p.Pid())
		if err == nil && (u.CPU < 50*time.Millisecond || u.Resident <= 0 || u.Peak < u.Resident/2) {
			return errors.New("it has hardly worked")
		}
		return err
	})
	p.Kill()
	if u, err := bench.UsageOf(p.Pid()); err == nil {
		t.Errorf("what has ended used %+v", u)
	}
}
