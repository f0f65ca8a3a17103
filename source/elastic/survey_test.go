package elastic_test

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
)

func TestIndicesAreFollowedByTheirNames(t *testing.T) {
	for _, test := range []struct {
		prefix, separator, name string
		want                    bool
	}{
		{"", "-", "jaeger-span-2026-01-02", true},
		{"", "-", "jaeger-span-2026-01-02-15", true},
		{"", "-", "jaeger-span-2026-01", true},
		{"", "-", "jaeger-span-000001", true},
		{"", "-", "jaeger-span-1000000", true},
		{"", "-", "jaeger-span-2026-01-02-000001", true},
		{"", "-", "jaeger-span-write", true},
		{"", "-", "jaeger-span-read", false},
		{"", "-", "jaeger-span-00001", false},
		{"", "-", "jaeger-span-2026.01.02", false},
		{"", "-", "jaeger-span-2026-1-2", false},
		{"", "-", "jaeger-span-archive", false},
		{"", "-", "jaeger-span-archive-000001", false},
		{"", "-", "jaeger-span-archive-write", false},
		{"", "-", "shrink-ab1c-jaeger-span-000001", false},
		{"", "-", "restored-jaeger-span-2026-01-02", false},
		{"", "-", "partial-jaeger-span-2026-01-02", false},
		{"", "-", "jaeger-jaeger-span-2026-01-02", false},
		{"", "-", "jaeger-service-2026-01-02", false},
		{"", "-", "jaeger-span-2026-01-02-reindexed", false},
		{"", "-", "jaeger-span-2026-01-02\n", false},
		{"", ".", "jaeger-span-2026.01.02", true},
		{"", ".", "jaeger-span-2026.01.02.15", true},
		{"", ".", "jaeger-span-2026x01x02", false},
		{"", "", "jaeger-span-20260102", true},
		{"", "_", "jaeger-span-2026_01_02", true},
		{"jaeger", "-", "jaeger-jaeger-span-2026-01-02", true},
		{"jaeger-", "-", "jaeger-jaeger-span-2026-01-02", true},
		{"jaeger", "-", "jaeger-span-2026-01-02", false},
		{"a.b", "-", "axb-jaeger-span-2026-01-02", false},
	} {
		if got := elastic.Follows(test.prefix, test.separator, test.name); got != test.want {
			t.Errorf("prefix %q, separator %q: %q: got %v", test.prefix, test.separator, test.name, got)
		}
	}
}

func TestSettingsTellWhatAnIndexIs(t *testing.T) {
	for _, test := range []struct{ name, setting, want string }{
		{"an ordinary index is followed", `"mode":"standard"`, "ready to 1, ready to 0"},
		{"logsdb numbers its documents", `"mode":"logsdb"`, "ready to 1, ready to 0"},
		{"a copy with its source named is left out", `"resize":{"source":{"uuid":"x"}}`, "resized, ready to 1, ready to 0"},
		{"a copy with its source forgotten is left out", `"routing_partition_size":"1"`, "resized, ready to 1, ready to 0"},
		{"a searchable snapshot is left out", `"store":{"type":"snapshot"}`, "mounted, ready to 1, ready to 0"},
		{"an index without numbers is left out", `"disable_sequence_numbers":"true"`, "unnumbered, ready to 1, ready to 0"},
		{"a mode that may have no numbers is left out", `"mode":"time_series"`, "unnumbered, ready to 1, ready to 0"},
		{"a shard that the statistics lack waits", `"number_of_shards":"3"`, "ready to 1, ready to 0, waits to -1"},
		{"an index that is being closed is still read", `"verified_before_close":"true"`, "ready to 1, ready to 0"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t)
			const index = `"number_of_shards":"2","creation_date":"1","uuid":"u"`
			c.answer("settings", `{"rec-jaeger-span-2026-01-02":{"settings":{"index":{`+index+`,`+test.setting+`}}}}`)
			c.answer("stats", strings.Replace(string(c.read("stats", nil)), recordedIndex+`":{"uuid":"`, recordedIndex+`":{"uuid":"u","was":"`, 1))
			s, end := c.serve(nil)
			defer end()
			if got := summary(survey(t, s), "rec")["2026-01-02"]; got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAnIndexThatTheSettingsDoNotHaveYetIsAskedForAgain(t *testing.T) {
	c := newCluster(t)
	settings := string(c.read("settings", nil))
	c.answer("settings", strings.Replace(settings, recordedIndex, "rec-jaeger-span-archive", 1))
	s, end := c.serve(nil)
	defer end()
	if _, known := summary(survey(t, s), "rec")["2026-01-02"]; known {
		t.Fatal("known before the settings tell of it")
	}
	c.answer("settings", settings)
	find(t, survey(t, s), recordedIndex)
	c.requests()
	survey(t, s)
	if diff := cmp.Diff([]string{"stats"}, operations(c.requests())); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestStatisticsTellHowFarAShardIs(t *testing.T) {
	const ready = `"0":[{"routing":{"state":"STARTED","primary":true},"commit":{"user_data":{"history_uuid":"h"}},"seq_no":{"max_seq_no":9,"global_checkpoint":7}}]`
	for _, test := range []struct {
		name, shards string
		want         source.Shard
	}{
		{"the primary tells", ready, source.Shard{History: "h", Upto: 7, Max: 9, Ready: true}},
		{"the primary tells, wherever it stands", strings.Replace(ready, "[", `[{"routing":{"state":"STARTED","primary":false},"commit":{"user_data":{"history_uuid":"h"}},"seq_no":{"max_seq_no":9,"global_checkpoint":5}},`, 1), source.Shard{History: "h", Upto: 7, Max: 9, Ready: true}},
		{"a primary that moves tells", strings.Replace(ready, "STARTED", "RELOCATING", 1), source.Shard{History: "h", Upto: 7, Max: 9, Ready: true}},
		{"an empty shard has nothing", strings.Replace(ready, `"max_seq_no":9,"global_checkpoint":7`, `"max_seq_no":-1,"global_checkpoint":-1`, 1), source.Shard{History: "h", Upto: -1, Max: -1, Ready: true}},
		{"a replica alone does not tell", strings.Replace(ready, "true", "false", 1), source.Shard{Upto: -1, Max: -1}},
		{"a primary that starts does not tell", strings.Replace(ready, "STARTED", "INITIALIZING", 1), source.Shard{Upto: -1, Max: -1}},
		{"a primary without numbers does not tell", strings.Replace(ready, "seq_no", "nothing", 1), source.Shard{Upto: -1, Max: -1}},
		{"a primary without a checkpoint does not tell", strings.Replace(ready, `,"global_checkpoint":7`, ``, 1), source.Shard{Upto: -1, Max: -1}},
		{"a primary that does not know its checkpoint yet does not tell", strings.Replace(ready, `"global_checkpoint":7`, `"global_checkpoint":-2`, 1), source.Shard{Upto: -1, Max: -1}},
		{"a primary without a history does not tell", strings.Replace(ready, `"h"`, `""`, 1), source.Shard{Upto: -1, Max: -1}},
		{"a checkpoint beyond all numbers is not believed", strings.Replace(ready, `"max_seq_no":9,"global_checkpoint":7`, `"max_seq_no":9223372036854775807,"global_checkpoint":9223372036854775807`, 1), source.Shard{Upto: -1, Max: -1}},
		{"no copy at all does not tell", `"1":[]`, source.Shard{Upto: -1, Max: -1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCluster(t)
			c.answer("stats", `{"_shards":{"total":2,"successful":1,"failed":0},"indices":{"rec-jaeger-span-2026-01-02":{"uuid":"u","shards":{`+test.shards+`}}}}`)
			c.answer("settings", `{"rec-jaeger-span-2026-01-02":{"settings":{"index":{"uuid":"u","creation_date":"1","number_of_shards":"1"}}}}`)
			s, end := c.serve(nil)
			defer end()
			if diff := cmp.Diff([]source.Shard{test.want}, survey(t, s).Indices[0].Shards); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWithoutTheRightToRefreshNumbersAgeBeforeTheyAreRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		c := newCluster(t)
		c.answer("settings", `{"rec-jaeger-span-2026-01-02":{"settings":{"index":{"uuid":"u","creation_date":"1","number_of_shards":"1","refresh_interval":"10s"}}},`+
			`"rec-jaeger-span-2026-01-03":{"settings":{"index":{"uuid":"never","creation_date":"2","number_of_shards":"1","refresh_interval":"-1"}}}}`)
		upto := func(n string) {
			shard := `"shards":{"0":[{"routing":{"state":"STARTED","primary":true},"commit":{"user_data":{"history_uuid":"h"}},"seq_no":{"max_seq_no":` + n + `,"global_checkpoint":` + n + `}}]}`
			c.answer("stats", `{"_shards":{"total":2,"successful":2,"failed":0},"indices":{"rec-jaeger-span-2026-01-02":{"uuid":"u",`+shard+`},"rec-jaeger-span-2026-01-03":{"uuid":"never",`+shard+`}}}`)
		}
		forbidden := true
		c.on["refresh"] = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			return forbidden && complain("security_exception", "action [indices:admin/refresh] is unauthorized", 403)(w, 1)
		}
		c.on["search"] = (&shelf{at: every(1, 100)}).search
		s, end := c.serve(func(o *elastic.Options) { o.Log = zerolog.New(&log) })
		defer end()
		index := func(v source.Survey) source.Index { return find(t, v, recordedIndex) }
		read := func(v source.Survey) error {
			return s.Read(t.Context(), all(v, index(v), 0), func(*source.Page) error { return nil })
		}

		upto("3")
		v := survey(t, s)
		if err := read(v); source.KindOf(err) != source.Forbidden {
			t.Fatalf("a range that is not old enough: %v", err)
		}
		if s.MayRefresh() {
			t.Error("it says that it may refresh")
		}
		if err := read(v); source.KindOf(err) != source.Forbidden {
			t.Fatalf("the same range again: %v", err)
		}
		if v = survey(t, s); index(v).Shards[0].Ready {
			t.Error("ready before anything is old enough")
		}
		first := v.Taken
		<-time.After(15 * time.Second)
		upto("8")
		if v = survey(t, s); index(v).Shards[0].Ready {
			t.Error("ready after 15s of two refresh intervals of 10s")
		}
		<-time.After(7 * time.Second)
		upto("9")
		v = survey(t, s)
		if shard := index(v).Shards[0]; !shard.Ready || shard.Upto != 3 || shard.Max != 9 || !v.Taken.Equal(first) {
			t.Errorf("after 22s: %+v, taken %v after the first", shard, v.Taken.Sub(first))
		}
		c.requests()
		if err := read(v); err != nil {
			t.Errorf("a range that is old enough: %v", err)
		}
		if asked := operations(c.requests()); slices.Contains(asked, "refresh") {
			t.Errorf("asked %v", asked)
		}
		<-time.After(15 * time.Second)
		if v = survey(t, s); index(v).Shards[0].Upto != 8 {
			t.Errorf("15s later: %+v", index(v).Shards[0])
		}
		if shard := find(t, v, "rec-jaeger-span-2026-01-03").Shards[0]; shard.Ready {
			t.Errorf("an index that is never refreshed: %+v", shard)
		}
		for _, text := range []string{"spans are read some seconds later", "an index is never refreshed"} {
			if n := strings.Count(log.String(), text); n != 1 {
				t.Errorf("said %d times: %s", n, text)
			}
		}

		forbidden = false
		<-time.After(11 * time.Minute)
		if v = survey(t, s); index(v).Shards[0].Upto != 9 {
			t.Errorf("later: %+v", index(v).Shards[0])
		}
		upto("20")
		if err := read(v); err != nil {
			t.Error(err)
		}
		if v = survey(t, s); index(v).Shards[0].Upto != 20 || !s.MayRefresh() {
			t.Errorf("when refreshing is allowed again: %+v", index(v).Shards[0])
		}
	})
}

func TestAnotherClusterBehindTheAddressIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		s, end := c.serve(nil)
		defer end()
		before := survey(t, s).Cluster
		c.answer("cluster", `{"cluster_uuid":"another"}`)
		if got := survey(t, s).Cluster; got != before {
			t.Errorf("without a loss of the connection it was asked again: %q", got)
		}
		broken := 1
		c.on["stats"] = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			broken--
			return broken >= 0 && cutOff(w, 0)
		}
		_, err := s.Survey(t.Context())
		if source.KindOf(err) != source.Unreachable || !strings.Contains(err.Error(), `and then to cluster "another"`) {
			t.Errorf("in the middle of a survey: %v", err)
		}
		if got := survey(t, s).Cluster; got != "another" {
			t.Errorf("afterwards: %q", got)
		}
	})
}

func TestTheClockIsTheClusters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		c.answer("clock", `{"nodes":{"n":{"timestamp":946684805000}}}`)
		s, end := c.serve(nil)
		defer end()
		// The bubble's time begins with the year 2000, five seconds before the cluster's.
		for range 2 {
			v := survey(t, s)
			if want := v.Taken.Add(5 * time.Second); !v.Clock.Equal(want) {
				t.Errorf("got %v, want %v", v.Clock, want)
			}
			<-time.After(time.Minute)
		}
	})
}

func TestRoleIsTheOneThatIsShipped(t *testing.T) {
	shipped, err := os.ReadFile(filepath.Join("..", "..", "deploy", "elasticsearch", "role.json"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(elastic.Role("")), string(shipped)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func FuzzParseStats(f *testing.F) {
	addAnswers(f, "stats.json")
	f.Fuzz(func(_ *testing.T, body []byte) { _ = elastic.ParseStats(body) })
}

func FuzzParseSettings(f *testing.F) {
	addAnswers(f, "settings.json")
	f.Fuzz(func(t *testing.T, body []byte) {
		names, err := elastic.ParseSettings(body)
		for _, name := range names {
			if err == nil && !elastic.Follows("", "-", name) {
				t.Errorf("follows %q", name)
			}
		}
	})
}

func addAnswers(f *testing.F, name string) {
	files, err := filepath.Glob(filepath.Join("testdata", "answer", "*", name))
	if err != nil || len(files) == 0 {
		f.Fatalf("no recorded %s: %v", name, err)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.ReplaceAll(b, []byte("rec-"), nil))
	}
}
