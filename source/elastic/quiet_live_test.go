package elastic_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source/elastic"
)

// TestLiveQuietIndicesTellTheTruth lets things befall indices that are not
// asked how far they are, and compares what is told of them with what a source
// tells that asks all.
func TestLiveQuietIndicesTellTheTruth(t *testing.T) {
	testenv.EachCluster(t, func(t *testing.T, c *testenv.Cluster) {
		prefix := c.Prefix(t)
		base := prefix + "-jaeger-span-"
		day := func(name string) {
			c.Do(t, "PUT", "/"+base+name, `{"settings":{"number_of_shards":2,"number_of_replicas":0},`+mapping+`}`)
			store(t, c, base+name, 0, 4)
		}
		for _, name := range []string{"2026-01-02", "2026-01-03", "2026-01-04", "2026-02-01"} {
			day(name)
		}
		var mu sync.Mutex // guards asked
		var asked []string
		config := elastic.Default()
		config.Addresses, config.IndexPrefix = []string{c.URL}, prefix
		s := openConfig(t, elastic.Options{Config: config, Log: zerolog.Nop(), Observe: func(operation, _ string, _ time.Duration) {
			mu.Lock()
			defer mu.Unlock()
			asked = append(asked, operation)
		}})
		s.SetQuiet(time.Millisecond, 1)
		anew := openConfig(t, elastic.Options{Config: config, Log: zerolog.Nop()})
		requests := func() []string {
			mu.Lock()
			defer mu.Unlock()
			out := asked
			asked = nil
			return out
		}
		compare := func() {
			t.Helper()
			got := summary(survey(t, s), prefix)
			want := summary(survey(t, anew), prefix)
			for name := range want {
				if got[name] != want[name] {
					t.Errorf("%s: told %q, asked anew it is %q", name, got[name], want[name])
				}
			}
			if len(got) != len(want) {
				t.Errorf("told of %v, there are %v", got, want)
			}
		}
		quiet := func() {
			t.Helper()
			for range 3 {
				<-time.After(2 * time.Millisecond)
				requests()
				compare()
			}
			if got := requests(); !slices.Equal(got, []string{"writes", "stats"}) {
				t.Errorf("while nothing happens it asks %v", got)
			}
		}
		quiet()
		for _, test := range []struct {
			what   string
			happen func()
		}{
			{"a late span", func() { store(t, c, base+"2026-01-03", 4, 5) }},
			{"a new index, quiet name", func() { day("2026-01-02-15") }},
			{"a new index", func() { day("2027-01-01") }},
			{"one made again", func() {
				c.Do(t, "DELETE", "/"+base+"2026-01-04", "")
				day("2026-01-04")
				store(t, c, base+"2026-01-04", 4, 5)
			}},
			{"one closed", func() { c.Do(t, "POST", "/"+base+"2026-01-02/_close", "") }},
			{"a late span, and deletion", func() { store(t, c, base+"2026-01-03", 5, 6); c.Do(t, "DELETE", "/"+base+"2026-02-01", "") }},
		} {
			test.happen()
			t.Log(test.what)
			compare()
			quiet()
		}
	})
}
