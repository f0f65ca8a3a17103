package elastic

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/traceslo/traceslo/source"
)

// A Report is what a cluster tells to somebody who is about to read spans from
// it. What it does not tell is "".
type Report struct {
	Cluster, Flavor, Version string
	Findings                 []Finding
}

// A Finding is one fact, good or bad.
type Finding struct {
	Level Level
	// Text says what was found, and Cure what to do about it, if anything.
	Text, Cure string
}

// A Level is how bad a finding is.
type Level uint8

// The levels of findings.
const (
	// Fine is as it should be.
	Fine Level = iota
	// Doubtful works, and is probably not meant.
	Doubtful
	// Wrong keeps spans from being read.
	Wrong
)

// String returns "ok", "warning" or "fault".
func (l Level) String() string { return [...]string{"ok", "warning", "fault"}[l] }

func (r *Report) add(level Level, text, cure string) {
	r.Findings = append(r.Findings, Finding{level, text, cure})
}

// fail adds an error, whose text names the cure itself.
func (r *Report) fail(err error) { r.add(Wrong, err.Error(), "") }

// Live tries everything that reading spans needs on the real cluster, and
// changes nothing there but that an index is refreshed. It is for a Source that
// is used for nothing else.
func (s *Source) Live(ctx context.Context) Report {
	r := Report{}
	if s.liveAddresses(ctx, &r) == 0 {
		return r
	}
	s.liveIdentity(ctx, &r)
	taken := time.Now()
	heard, err := s.readStats(ctx, nil)
	if err != nil {
		r.fail(err)
	}
	if err := s.readCatalogue(ctx, nil, taken); err != nil {
		r.fail(err)
		return r
	}
	followed := s.liveIndices(ctx, &r, heard)
	if heard != nil {
		s.liveShards(ctx, &r, heard, followed)
	}
	return r
}

// liveAddresses asks each address for its cluster, and returns how many answer.
func (s *Source) liveAddresses(ctx context.Context, r *Report) int {
	answering := 0
	first := ""
	for _, address := range s.options.Config.Addresses {
		one := s.options
		one.Config.Addresses = []string{address}
		alone, err := newSource(one, s.dial)
		if err != nil {
			r.fail(err)
			continue
		}
		i := identity{}
		err = alone.askCluster(ctx, &i)
		alone.Close()
		switch kind := source.KindOf(err); {
		case err != nil && kind != source.Forbidden && kind != source.Protocol:
			r.add(Wrong, fmt.Sprintf("%s: %v", address, err), "")
			continue
		case err != nil:
			r.add(Doubtful, fmt.Sprintf("%s: %v", address, err), "without it traceslo cannot tell one cluster from another")
		case first != "" && i.cluster != first:
			r.add(Wrong, fmt.Sprintf("%s leads to cluster %q, an address before it to cluster %q", address, i.cluster, first), "write the addresses of one cluster; run one daemon for each")
		default:
			r.add(Fine, fmt.Sprintf("%s answers", address), "")
		}
		first = i.cluster
		answering++
	}
	return answering
}

func (s *Source) liveIdentity(ctx context.Context, r *Report) {
	i := identity{}
	for _, ask := range []func(context.Context, *identity) error{s.askCluster, s.askVersion} {
		// What fails here failed for an address before.
		_ = ask(ctx, &i)
	}
	r.Cluster, r.Flavor, r.Version = i.cluster, i.flavor, i.version
	if i.version != "" {
		r.add(Fine, fmt.Sprintf("%s %s, cluster %s", i.flavor, i.version, i.cluster), "")
	}
	if err := s.askClock(ctx, &i); err != nil {
		r.add(Doubtful, err.Error(), "without it this machine's clock decides which indices are older than the first run")
	} else if i.ahead.Abs() > clockTolerance {
		r.add(Doubtful, fmt.Sprintf("the cluster's clock is %v ahead of this machine's", i.ahead.Round(time.Second)), "let both follow NTP")
	}
}

// reasons says what the reasons to leave an index out mean.
var reasons = map[source.Unfollowed]string{
	source.Resized:    "it is a shrunken, split or cloned copy of another index",
	source.Mounted:    "it is a searchable snapshot",
	source.Unnumbered: "its spans cannot be found by sequence number (index.mode, index.disable_sequence_numbers)",
}

// liveIndices tells which indices would be read, and returns them, oldest first.
func (s *Source) liveIndices(ctx context.Context, r *Report, heard map[string]told) []facts {
	var followed []facts
	byAge := slices.SortedFunc(maps.Values(s.catalogue.byUUID), func(a, b facts) int {
		return cmp.Or(a.created.Compare(b.created), cmp.Compare(a.name, b.name))
	})
	for _, f := range byAge {
		switch {
		case f.unfollowed != "":
			r.add(Doubtful, fmt.Sprintf("%q is left out: %s", f.name, reasons[f.unfollowed]), "")
		case f.closed && (heard == nil || heard[f.name].uuid != f.uuid):
			r.add(Doubtful, fmt.Sprintf("%q is closed, and is read when it is opened", f.name), "")
		default:
			followed = append(followed, f)
		}
	}
	if heard != nil {
		for _, name := range slices.Sorted(maps.Keys(heard)) {
			if !s.names.followed.MatchString(name) {
				s.liveForeign(r, name)
			}
		}
	}
	if len(followed) == 0 {
		r.add(Wrong, fmt.Sprintf("there is no index %q to read", s.names.pattern), s.otherPrefixes(ctx))
		return nil
	}
	r.add(Fine, fmt.Sprintf("indices to read: %d, from %q to %q", len(followed), followed[0].name, followed[len(followed)-1].name), "")
	return followed
}

// liveForeign tells of an index that the pattern matches and that is not read.
func (s *Source) liveForeign(r *Report, name string) {
	base := spanBase(s.options.Config.IndexPrefix)
	if strings.HasPrefix(name, base+"archive") {
		r.add(Fine, fmt.Sprintf("%q is left out: an archive holds copies of spans", name), "")
		return
	}
	for _, separator := range []string{"-", ".", "_", ""} {
		if newNames(s.options.Config.IndexPrefix, separator).followed.MatchString(name) {
			r.add(Doubtful, fmt.Sprintf("%q is left out: its date is not written with the separator %q", name, s.options.Config.IndexDateSeparator), fmt.Sprintf("write index_date_separator: %q", separator))
			return
		}
	}
	r.add(Doubtful, fmt.Sprintf("%q is left out: Jaeger gives no such name", name), "")
}

// otherPrefixes tells which prefixes have indices of spans, as far as traceslo may see them.
func (s *Source) otherPrefixes(ctx context.Context) string {
	const every = "*jaeger-span-*"
	var answer map[string]any
	err := s.askJSON(ctx, call{opSettings, fmt.Sprintf("%q", every), func() esapi.Request {
		return esapi.IndicesGetSettingsRequest{Index: []string{every}, FilterPath: []string{"*.settings.index.uuid"}}
	}}, &answer)
	prefixes := map[string]bool{}
	for name := range answer {
		if before, _, ok := strings.Cut(name, "jaeger-span-"); ok {
			prefixes[fmt.Sprintf("%q", clip(strings.TrimSuffix(before, "-"), 100))] = true
		}
	}
	if err != nil || len(prefixes) == 0 {
		return "write Jaeger's own index prefix to index_prefix, and see that the role covers it"
	}
	found := slices.Sorted(maps.Keys(prefixes))
	return "write Jaeger's own index prefix to index_prefix; there are indices under " + strings.Join(found[:min(len(found), 10)], ", ")
}

// liveShards tells how much there is to read, and tries to refresh and to search.
func (s *Source) liveShards(ctx context.Context, r *Report, heard map[string]told, followed []facts) {
	stored := int64(0)
	var try, recent source.Range
	for _, f := range followed {
		for _, shard := range f.survey(heard[f.name]) {
			if !shard.Ready {
				r.add(Doubtful, fmt.Sprintf("shard %d of %q has no primary that answers, and waits", shard.Number, f.name), "see GET _cluster/allocation/explain")
				continue
			}
			stored += shard.Upto + 1
			if try.Index == "" || shard.Upto >= 0 {
				try = source.Range{Index: f.name, UUID: f.uuid, Shard: shard.Number, After: max(-1, shard.Upto-1), Upto: shard.Upto}
			}
			if shard.Upto >= leastLean {
				recent = try
				recent.After = max(-1, shard.Upto-1000)
			}
		}
	}
	if try.Index == "" {
		return
	}
	r.add(Fine, fmt.Sprintf("they hold up to %d spans; start: earliest would read all of them", stored), "")
	if err := s.refresh(ctx, try.Index); source.KindOf(err) == source.Forbidden {
		r.add(Doubtful, err.Error(), "spans are read all the same, some seconds later and with weaker proof that none is missing")
	} else if err != nil {
		r.fail(err)
	} else {
		r.add(Fine, fmt.Sprintf("%q can be refreshed", try.Index), "")
	}
	w := s.reader()
	defer s.putReader(w)
	q := query{Range: try, size: 1, primaryOnly: s.catalogue.byUUID[try.UUID].primaryOnly}
	if err := s.search(ctx, w, q); err != nil {
		r.fail(err)
		return
	}
	r.add(Fine, fmt.Sprintf("%q can be searched", try.Index), "")
	if s.options.Config.Read == Aggregations && try.Upto >= 0 {
		s.liveCounting(ctx, r, w, try)
	}
	for _, bad := range w.page.Unreadable {
		r.add(Doubtful, fmt.Sprintf("a document of %q is not understood (%s)", try.Index, bad.Reason), "see that Jaeger writes these indices")
	}
	if recent.Index != "" {
		s.liveForm(ctx, r, recent, w)
	}
}

// liveForm tells how many of the documents that came last can be read lean.
func (s *Source) liveForm(ctx context.Context, r *Report, last source.Range, w *reader) {
	k := s.walk(last)
	err := s.askLists(ctx, k, w)
	ok := err == nil && (k.form.found.Load() || !k.form.asked.Load())
	if ok {
		ok, err = s.leanPage(ctx, k, w)
	}
	lean, whole := w.leanAnswer.Hits, w.answer.Hits
	switch {
	case err != nil:
		r.fail(err)
	case !ok:
		r.add(Fine, fmt.Sprintf("the spans of %q are read whole, as its doc values do not tell them", last.Index), "")
	default:
		r.add(Fine, fmt.Sprintf("%d of the last %d documents of %q can be read lean", lean, lean+whole, last.Index), "")
	}
}
