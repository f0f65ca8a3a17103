package elastic

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/source"
)

// A Config is the section source.elasticsearch of the configuration.
type Config struct {
	// Addresses are the URLs of one cluster's nodes, or of what stands before
	// them, asked in turn; one that fails is left alone for a while. A path is
	// kept as a prefix. Default: http://127.0.0.1:9200.
	Addresses []string `yaml:"addresses"`
	// IndexPrefix is Jaeger's: "jaeger" and "jaeger-" both read
	// jaeger-jaeger-span-*, "" reads jaeger-span-*. Default: "".
	IndexPrefix string `yaml:"index_prefix"`
	// IndexDateSeparator stands between year, month, day and hour in the
	// indices' names: Jaeger v1's --es.index-date-separator, or that of v2's
	// date_layout. Default: "-".
	IndexDateSeparator string `yaml:"index_date_separator"`
	// TagDotReplacement stands for the dots in the names of tags that Jaeger
	// writes as fields: its tags_as_fields.dot_replacement. Default: "@".
	TagDotReplacement string `yaml:"tag_dot_replacement"`
	// Start says what counts of the spans that were stored before the first
	// run: now, earliest, or how far back, as 24h. Default: now.
	Start source.Start `yaml:"start"`
	// PollInterval is the time between two looks at the cluster, at least 1s. Default: 5s.
	PollInterval time.Duration `yaml:"poll_interval"`
	// Read is how spans are read. Default: documents. Conflicts: aggregations
	// with sli.deduplicate.
	Read Engine `yaml:"read"`
	// Auth says who traceslo is. Default: nobody.
	Auth Auth `yaml:"auth"`
	// TLS is for addresses with https.
	TLS TLS `yaml:"tls"`
	// Headers are sent with every request, as a gateway before the cluster may
	// want; their values are kept secret. Conflicts: what HTTP or auth sets itself.
	Headers map[string]config.Secret `yaml:"headers"`
	// RequestTimeout bounds each single request, from 1s to 10m. Default: 30s.
	RequestTimeout time.Duration `yaml:"request_timeout"`
	// MaxSearches is how many searches may be under way at once, from 1 to 64;
	// it becomes fewer by itself while the cluster rejects some or answers
	// slowly. No more shards are read side by side than this, nor than the
	// machine has processors. Default: 4.
	MaxSearches int `yaml:"max_searches"`
	// SearchShare is the part of the time for which each of them may be under
	// way, from 1% to 100%: after a search that took a second, 25% waits for
	// three. Default: 100%.
	SearchShare Share `yaml:"search_share"`
	// Compression has the cluster send its answers compressed: about a tenth of
	// the traffic for about a third more of its CPU. Default: false.
	Compression bool `yaml:"compression"`
}

// An Engine is how fenced ranges of spans are read.
type Engine string

// The engines that a configuration can name.
const (
	// Documents reads every span.
	Documents Engine = "documents"
	// Aggregations has the cluster count, and reads what it cannot count.
	Aggregations Engine = "aggregations"
)

// A Share is a part of the time, from 0 to 1, written as 25%.
type Share float64

// UnmarshalText reads a percentage.
func (s *Share) UnmarshalText(text []byte) error {
	number, percent := strings.CutSuffix(string(text), "%")
	n, err := strconv.ParseFloat(number, 64)
	if !percent || err != nil || !(n >= 0 && n <= 100) {
		return fmt.Errorf("%q is not a percentage; write for example 50%%", clip(string(text), 20))
	}
	*s = Share(n / 100)
	return nil
}

// String returns the percentage.
func (s Share) String() string { return strconv.FormatFloat(float64(s)*100, 'f', -1, 64) + "%" }

// Auth is how traceslo proves who it is; at most one of Basic, an API key and
// a bearer token. Files are read again when they change.
type Auth struct {
	// Basic is a user and a password.
	Basic Basic `yaml:"basic"`
	// APIKey is an API key, as id:key or as the base64 of that. Conflicts: api_key_file.
	APIKey config.Secret `yaml:"api_key"`
	// APIKeyFile is the absolute path of a file that holds one.
	APIKeyFile string `yaml:"api_key_file"`
	// BearerToken is sent as it is. Conflicts: bearer_token_file.
	BearerToken config.Secret `yaml:"bearer_token"`
	// BearerTokenFile is the absolute path of a file that holds one.
	BearerTokenFile string `yaml:"bearer_token_file"`
}

// Basic is a user and a password.
type Basic struct {
	Username string `yaml:"username"`
	// Password conflicts with password_file.
	Password config.Secret `yaml:"password"`
	// PasswordFile is the absolute path of a file that holds it; one line end after it is left out.
	PasswordFile string `yaml:"password_file"`
}

// TLS is whom traceslo trusts, and how it shows itself. Files are PEM, at
// absolute paths, and read again when they change.
type TLS struct {
	// CAFile holds the certificates to trust. Default: those of the system.
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile are a client's certificate and its key; both or none.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// ServerName is the name that the cluster's certificate must hold. Default:
	// the host of the address.
	ServerName string `yaml:"server_name"`
	// InsecureSkipVerify trusts any certificate: whoever stands between can
	// read and answer everything. Default: false.
	InsecureSkipVerify bool `yaml:"insecure_skip_verify"`
}

// Default returns the configuration of an empty section.
func Default() Config {
	return Config{
		Addresses:          []string{"http://127.0.0.1:9200"},
		IndexDateSeparator: "-",
		TagDotReplacement:  "@",
		PollInterval:       5 * time.Second,
		Read:               Documents,
		RequestTimeout:     30 * time.Second,
		MaxSearches:        4,
		SearchShare:        1,
	}
}
