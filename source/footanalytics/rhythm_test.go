package footanalytics_test

import (
	"math"
	"testing"
	"time"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/footanalytics"
)

func TestTheWeekHasItsRhythm(t *testing.T) {
	const rate = 1
	week := monday.AddDate(0, 0, 7)
	s := open(t, footanalytics.Options{Seed: 5, Rate: rate, History: 8 * 24 * time.Hour, Clock: at(week.Add(time.Hour))})
	// Traces by the hour of the week in which they begin.
	var hours [7 * 24]float64
	spans, traces := 0, 0
	err := s.Read(t.Context(), rangeOf(t, s, monday, week), func(p *source.Page) error {
		for i := range p.Spans {
			spans++
			if !p.Spans[i].Root {
				continue
			}
			traces++
			if h := (p.Spans[i].Start/1e6 - monday.Unix()) / 3600; h >= 0 && h < int64(len(hours)) {
				hours[h]++
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name     string
		day      time.Weekday
		hour     int
		from, to float64 // the load at its ends, of the peak's
	}{
		{"Monday night", time.Monday, 3, 0.06, 0.06},
		{"Monday noon", time.Monday, 12, 0.29, 0.30},
		{"Tuesday, the evening of a match", time.Tuesday, 20, 0.95, 1.00},
		{"Thursday evening", time.Thursday, 20, 0.45, 0.40},
		{"Saturday afternoon", time.Saturday, 16, 0.86, 0.88},
		{"the night from Saturday to Sunday", time.Saturday, 23, 0.40, 0.22},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := hours[(int(c.day)+6)%7*24+c.hour]
			want := rate * 3600 * (c.from + c.to) / 2
			// Arrivals are Poisson's: five standard deviations are never seen.
			if math.Abs(got-want) > 5*math.Sqrt(want) {
				t.Errorf("%v traces, want %v ± %.0f", got, want, 5*math.Sqrt(want))
			}
		})
	}
	if mean := float64(spans) / float64(traces); mean < 7 || mean > 10 {
		t.Errorf("a trace has %.1f spans on average", mean)
	}
}

func TestArrivalsVaryAsPoissonSays(t *testing.T) {
	for _, rate := range []float64{2, 300} {
		s := open(t, footanalytics.Options{Seed: 9, Rate: rate, History: 30 * time.Hour, Clock: at(monday.Add(24 * time.Hour))})
		// From 3:00 to 4:00 on a Monday the load is steady.
		from := monday.Add(3 * time.Hour)
		begun := make([]float64, 3600)
		err := s.Read(t.Context(), rangeOf(t, s, from, from.Add(2*time.Hour)), func(p *source.Page) error {
			for i := range p.Spans {
				if at := p.Spans[i].Start/1e6 - from.Unix(); p.Spans[i].Root && at >= 0 && at < 3600 {
					begun[at]++
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		var sum, squares float64
		for _, n := range begun {
			sum += n
			squares += n * n
		}
		mean := sum / 3600
		variance := squares/3600 - mean*mean
		if want := rate * 0.06; math.Abs(mean-want) > 5*math.Sqrt(want/3600) {
			t.Errorf("rate %v: %v traces a second, want %v", rate, mean, want)
		}
		// The variance's own standard deviation is about mean × √(2/3600) and more for small means.
		if math.Abs(variance/mean-1) > 0.25 {
			t.Errorf("rate %v: the variance is %v times the mean, want 1", rate, variance/mean)
		}
	}
}
