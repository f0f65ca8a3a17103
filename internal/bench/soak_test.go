package bench_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"

	"github.com/traceslo/traceslo/internal/bench"
	"github.com/traceslo/traceslo/source/jaeger"
)

const (
	// A soak's spans ended in so long before now, at so many traces a second at
	// most: more than can be stored in an hour.
	soakHistory = 12 * time.Hour
	soakRate    = 2000
	// settling is for how long memory may grow: until the dedup window is full.
	settling = 12 * time.Minute
)

const objectives = `
slos:
  - {name: gateway, service: api-gateway, sli: {availability: {match: {service: api-gateway, span_kind: server}}}, objective: 99.9%, window: 30d}
  - {name: inference, service: ml-pipeline, sli: {latency: {match: {service: ml-pipeline, operation: ml.inference}, threshold: 5s}}, objective: 95%, window: 30d}
  - {name: each, for_each: service, sli: {availability: {match: {span_kind: [server, consumer]}}}, objective: 99.5%, window: 7d}
`

// TestSoak stores spans as fast as the cluster takes them, and lets traceslo read
// them meanwhile.
func TestSoak(t *testing.T) {
	only(t, *soakFlag)
	out := newPage(t, "soak", "A soak", command("soak"))
	c := startCluster(t, "")
	traces := float64(soakRate)
	if *rateFlag > 0 {
		traces = *rateFlag / 9 // A trace has that many spans on average.
	}
	p := openPlatform(t, traces, soakHistory, time.Now().Truncate(time.Minute))
	d, refused := newDaemon(t, c.URL, "soak", engines[0], objectives)
	if refused != "" {
		t.Fatal(refused)
	}

	ends := time.Now().Add(time.Duration(*minutesFlag * float64(time.Minute)))
	first := p.all
	first.Upto = first.After + 1
	store(t, c, "soak", jaeger.Elevated, shardsOfPeers, p.piece(t.Context(), first))
	d.start()
	done := make(chan int64)
	go func() { done <- p.storeUntil(t, c, first.Upto, *rateFlag, ends) }()
	w := watch(t, d, done)
	resident := w.resident
	p.all.Upto = w.upto
	d.settled(20 * time.Minute)
	u := usage(t, d.process)
	p.count(t)
	off := p.truth.Differ(d.counted())
	d.process.Kill()
	t.Logf("%d spans, off by %+v", p.spans(), off)

	var settled []bench.Point
	for _, point := range resident {
		if point.X > min(settling.Minutes(), *minutesFlag/2) {
			settled = append(settled, point)
		}
	}
	whole, late, rest := bench.Line(resident), bench.Line(settled), bench.Line(w.rest[len(w.rest)/2:])
	table := bench.Table{Head: []string{"what", "measured"}}
	table.Add("spans stored and counted meanwhile", bench.Count(int64(p.spans())))
	table.Add("spans a second, on average", bench.Figure(float64(p.spans())/(*minutesFlag*60)))
	table.Add("calls, errors, bucket counts off at the end", fmt.Sprintf("%d, %d, %d", off.Calls, off.Errors, off.Buckets))
	table.Add("traceslo's CPU, s per million spans", bench.PerMillion(u.CPU, p.spans()))
	table.Add("its memory at most", bench.Bytes(u.Peak))
	table.Add("slope of its resident memory over all", fmt.Sprintf("%+.2f ± %.2f MB an hour", whole.Slope*60, whole.Error*60))
	table.Add(fmt.Sprintf("slope from minute %.0f on, when the dedup window is full", settled[0].X), fmt.Sprintf("%+.2f ± %.2f MB an hour", late.Slope*60, late.Error*60))
	table.Add("spans that the dedup window remembers: in the middle, at the end", fmt.Sprintf("%s, %s", bench.Count(int64(w.remembered[len(w.remembered)/2].Y)), bench.Count(int64(w.remembered[len(w.remembered)-1].Y))))
	table.Add("slope of the second half, less 16 bytes for each span that is remembered", fmt.Sprintf("%+.2f ± %.2f MB an hour", rest.Slope*60, rest.Error*60))
	speed := "as fast as the cluster, on the same two cores, takes them: both are busy all the time"
	if *rateFlag > 0 {
		speed = fmt.Sprintf("at about %s a second", bench.Figure(*rateFlag))
	}
	out.f("traceslo (`read: documents`, deduplicating over 10 minutes, a ledger of 12 objectives, scraped every 15 s) reads for %s minutes while spans are stored %s. "+
		"Slopes are by least squares over samples every 5 s, ± their standard error, which takes samples as independent and so is rather too small.\n\n%s\n",
		bench.Figure(*minutesFlag), speed, &table)
	out.picture("soak-memory.svg", "Resident memory of traceslo over the minutes of the soak", bench.Chart{Title: "Resident memory of traceslo", X: "minutes", Y: "MB",
		Series: []bench.Series{{Name: "resident", Points: resident, Plain: true},
			{Name: "least squares, once the window is full", Plain: true, Points: []bench.Point{
				{X: settled[0].X, Y: late.At0 + late.Slope*settled[0].X}, {X: settled[len(settled)-1].X, Y: late.At0 + late.Slope*settled[len(settled)-1].X}}}}}.SVG())
	out.picture("soak-rate.svg", "Spans counted a second over the minutes of the soak", bench.Chart{Title: "Spans counted a second", X: "minutes", Y: "spans a second",
		Series: []bench.Series{{Name: "over each minute", Points: w.rate, Plain: true}}}.SVG())
	out.write(t)
}

// A course is what was seen over the minutes of a soak.
type course struct {
	// resident is in MB, and rest is that without what the dedup window takes.
	resident, rest, remembered, rate []bench.Point
	upto                             int64
}

// watch takes samples until all is stored.
func watch(t *testing.T, d *daemon, done <-chan int64) *course {
	t.Helper()
	const key = 16 // Bytes that the dedup window takes of memory for a span, at most.
	tick := time.NewTicker(5 * time.Second)
	defer tick.Stop()
	began, spans, at := time.Now(), 0, time.Now()
	c := &course{}
	for n := 1; ; n++ {
		select {
		case c.upto = <-done:
			return c
		case <-tick.C:
		}
		minutes := time.Since(began).Minutes()
		resident := float64(usage(t, d.process).Resident) / 1e6
		c.resident = append(c.resident, bench.Point{X: minutes, Y: resident})
		if n%3 == 0 { // As often as Prometheus does.
			families := scrape(t, d.url+"/metrics", expfmt.NewFormat(expfmt.TypeProtoDelim))
			remembered := families["traceslo_sli_dedup_spans"].GetMetric()[0].GetGauge().GetValue()
			c.remembered = append(c.remembered, bench.Point{X: minutes, Y: remembered})
			c.rest = append(c.rest, bench.Point{X: minutes, Y: resident - remembered*key/1e6})
		}
		if n%12 == 0 {
			r := d.reading()
			c.rate = append(c.rate, bench.Point{X: minutes, Y: float64(r.Spans-spans) / time.Since(at).Seconds()})
			t.Logf("minute %.1f: %d spans, %.1f MB", minutes, r.Spans, resident)
			spans, at = r.Spans, time.Now()
		}
	}
}
