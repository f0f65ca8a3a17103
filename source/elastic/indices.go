package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8/esapi"

	"github.com/traceslo/traceslo/source"
)

// spanBase returns what the names of all indices of spans begin with. Jaeger
// puts a dash between the prefix and its own name unless there is one.
func spanBase(prefix string) string {
	if prefix != "" && !strings.HasSuffix(prefix, "-") {
		prefix += "-"
	}
	return prefix + "jaeger-span-"
}

// spanPattern returns the pattern that is asked for: more than is followed.
func spanPattern(prefix string) string { return spanBase(prefix) + "*" }

// names tells indices of spans by their names.
type names struct {
	pattern  string
	followed *regexp.Regexp
}

// newNames knows the names that Jaeger gives: by month, day or hour
// (jaeger-span-2026-01-02, …-2026-01-02-15), by rollover (jaeger-span-000001,
// or a dated one with a number), and jaeger-span-write, the plain index that
// arises when Jaeger writes to an alias that nobody made: it holds spans as
// well as any other. Archives (jaeger-span-archive…) hold copies of spans, and
// so do shrink-…, restored-… and partial-…, whose names begin with another word.
func newNames(prefix, separator string) names {
	base, sep := regexp.QuoteMeta(spanBase(prefix)), regexp.QuoteMeta(separator)
	date := `\d{4}` + sep + `\d{2}(?:` + sep + `\d{2}(?:` + sep + `\d{2})?)?`
	return names{
		pattern:  spanPattern(prefix),
		followed: regexp.MustCompile(`^` + base + `(?:write|\d{6,}|` + date + `(?:-\d{6,})?)$`),
	}
}

// facts are what the settings of an index say.
type facts struct {
	name, uuid string
	created    time.Time
	shards     int
	unfollowed source.Unfollowed
	closed     bool
	// primaryOnly holds if only primaries show after a refresh what was stored
	// before it: OpenSearch's segment replication.
	primaryOnly bool
	// refresh is the index's own refresh interval, negative for never.
	refresh time.Duration
	// noted holds if a document's _ignored names its fields whose values are too
	// long to be indexed.
	noted bool
}

// A catalogue holds the settings of all indices of spans, by UUID.
type catalogue struct {
	byUUID map[string]facts
	// listed are the UUIDs that the statistics named when the settings were
	// read, nil if the settings lacked one of them.
	listed map[string]bool
	read   time.Time
}

// catalogueAge is how long settings are believed that nothing speaks against:
// a closed index that is deleted, and a changed refresh interval, show
// nowhere else.
const catalogueAge = 10 * time.Minute

// fits tells whether the settings are still those of the listed indices.
func (c *catalogue) fits(listed map[string]bool, now time.Time) bool {
	return c.byUUID != nil && now.Sub(c.read) < catalogueAge && maps.Equal(c.listed, listed)
}

// shardsLimit is the most shards that Elasticsearch gives an index (index.max_number_of_shards).
const shardsLimit = 1024

// readCatalogue asks for the settings of all indices of spans.
func (s *Source) readCatalogue(ctx context.Context, listed map[string]bool, now time.Time) error {
	setting := "*.settings.index."
	c := call{opSettings, fmt.Sprintf("%q", s.names.pattern), func() esapi.Request {
		return esapi.IndicesGetSettingsRequest{Index: []string{s.names.pattern}, ExpandWildcards: "all", FilterPath: []string{
			setting + "uuid", setting + "creation_date", setting + "number_of_shards", setting + "verified_before_close",
			setting + "resize.source.uuid", setting + "routing_partition_size", setting + "store.type", setting + "mode", setting + "disable_sequence_numbers",
			setting + "refresh_interval", setting + "replication.type", setting + "version.created",
		}}
	}}
	var byUUID map[string]facts
	err := retry(ctx, func() error {
		body, err := s.link.ask(ctx, c, nil)
		if err != nil {
			return err
		}
		if byUUID, err = parseSettings(body, s.names); err != nil {
			return s.link.protocolError(c, err.Error())
		}
		return nil
	})
	if err != nil {
		return err
	}
	s.catalogue = catalogue{byUUID: byUUID, listed: listed, read: now}
	for uuid := range listed {
		if _, known := byUUID[uuid]; !known {
			// Deleted since, or the node that was asked has not heard of it yet.
			s.catalogue.listed = nil
		}
	}
	return nil
}

// parseSettings reads the answer to GET _settings, as far as the indices'
// names are followed.
func parseSettings(body []byte, n names) (map[string]facts, error) {
	var answer map[string]struct {
		Settings struct {
			Index struct {
				UUID         string `json:"uuid"`
				CreationDate string `json:"creation_date"`
				Shards       string `json:"number_of_shards"`
				Closed       string `json:"verified_before_close"`
				Mode         string `json:"mode"`
				Partition    string `json:"routing_partition_size"`
				Unnumbered   string `json:"disable_sequence_numbers"`
				Refresh      string `json:"refresh_interval"`
				Store        struct{ Type string }
				Replication  struct{ Type string }
				Resize       struct{ Source struct{ UUID string } }
				Version      struct{ Created string }
			}
		}
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return nil, errors.New("the settings are not in the form of Elasticsearch's")
	}
	byUUID := make(map[string]facts, len(answer))
	for name, entry := range answer {
		if !n.followed.MatchString(name) {
			continue
		}
		index := entry.Settings.Index
		created, err := strconv.ParseInt(index.CreationDate, 10, 64)
		if err != nil || index.UUID == "" {
			return nil, fmt.Errorf("the settings of %q have no uuid or creation_date", name)
		}
		shards, err := strconv.Atoi(index.Shards)
		if err != nil || shards < 1 || shards > shardsLimit {
			return nil, fmt.Errorf("the settings of %q have %q as number_of_shards", name, clip(index.Shards, 20))
		}
		refresh, err := parseInterval(index.Refresh)
		if err != nil {
			return nil, fmt.Errorf("the settings of %q have %q as refresh_interval", name, clip(index.Refresh, 20))
		}
		f := facts{
			name: name, uuid: index.UUID, created: time.UnixMilli(created), shards: shards, refresh: refresh,
			closed: index.Closed == "true", primaryOnly: index.Replication.Type == "SEGMENT", noted: notes(index.Version.Created),
		}
		switch {
		case index.Store.Type == "snapshot":
			f.unfollowed = source.Mounted
		// Elasticsearch forgets the source since 8.5 once the copy is complete
		// (elasticsearch pull request 90391). What stays is that resizing alone
		// writes this setting out at its default.
		case index.Resize.Source.UUID != "" || index.Partition == "1":
			f.unfollowed = source.Resized
		// Of the modes only these are known to number what is stored; Jaeger uses no other.
		case index.Unnumbered == "true", index.Mode != "" && index.Mode != "standard" && index.Mode != "logsdb":
			f.unfollowed = source.Unnumbered
		}
		byUUID[f.uuid] = f
	}
	return byUUID, nil
}

// notes tells whether an index, by the version that made it, names in _ignored
// the fields whose values are too long: Elasticsearch does since 7.14
// (elasticsearch pull request 74418). OpenSearch, whose numbers begin where
// no number of Elasticsearch's is, does not.
func notes(created string) bool {
	const elasticsearch714, openSearch = 7_14_00_99, 1 << 27
	version, err := strconv.Atoi(created)
	return err == nil && version >= elasticsearch714 && version < openSearch
}

// defaultRefresh is the refresh interval of an index whose settings name none.
const defaultRefresh = time.Second

// parseInterval reads a duration as Elasticsearch writes it; see
// https://www.elastic.co/docs/reference/elasticsearch/rest-apis/api-conventions#time-units
func parseInterval(text string) (time.Duration, error) {
	switch text {
	case "":
		return defaultRefresh, nil
	case "-1":
		return -1, nil
	case "0":
		return 0, nil
	}
	digits := strings.TrimRight(text, "abcdefghijklmnopqrstuvwxyz")
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !(n >= 0 && n < 1e9) {
		return 0, fmt.Errorf("%q is no interval", clip(text, 20))
	}
	unit, ok := map[string]time.Duration{
		"nanos": time.Nanosecond, "micros": time.Microsecond, "ms": time.Millisecond,
		"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour,
	}[text[len(digits):]]
	if !ok || n > float64(100*365*24*time.Hour/unit) {
		return 0, fmt.Errorf("%q is no interval", clip(text, 20))
	}
	return time.Duration(n * float64(unit)), nil
}
