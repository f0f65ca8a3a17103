package elastic

import (
	"fmt"
	"maps"
	"net"
	"net/textproto"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/traceslo/traceslo/internal/config"
)

// faults collects what is wrong with a section.
type faults []config.Fault

func (f *faults) add(path, problem, cure string) {
	*f = append(*f, config.Fault{Path: path, Problem: problem, Cure: cure})
}

func (f *faults) warn(path, problem, cure string) {
	*f = append(*f, config.Fault{Path: path, Problem: problem, Cure: cure, Warning: true})
}

// Validate returns everything that is wrong with c. It reads the files that c
// names and asks nobody.
func (c Config) Validate() []config.Fault {
	var f faults
	c.validateAddresses(&f)
	c.validateNames(&f)
	c.validateTimes(&f)
	switch c.Read {
	case Documents, Aggregations:
	default:
		f.add("read", fmt.Sprintf("%q is no way to read spans", c.Read), "write documents or aggregations")
	}
	if c.MaxSearches < 1 || c.MaxSearches > 64 {
		f.add("max_searches", fmt.Sprintf("%d is not from 1 to 64", c.MaxSearches), "write 4, or 1 for a cluster with little to spare")
	}
	if !(c.SearchShare >= 0.01 && c.SearchShare <= 1) {
		f.add("search_share", fmt.Sprintf("%v is not from 1%% to 100%%", c.SearchShare), "write 100%, or 50% to search half of the time")
	}
	c.Auth.validate(&f)
	c.TLS.validate(&f)
	c.validateHeaders(&f)
	return f
}

func (c Config) validateAddresses(f *faults) {
	if len(c.Addresses) == 0 {
		f.add("addresses", "no address is given", "write [http://127.0.0.1:9200], or where your cluster is")
	}
	secure := false
	for i, address := range c.Addresses {
		path := fmt.Sprintf("addresses[%d]", i)
		if slices.Contains(c.Addresses[:i], address) {
			f.add(path, "stands there twice", "leave one out")
			continue
		}
		u, err := url.Parse(address)
		switch {
		case err != nil:
			// The text may hold a password.
			f.add(path, "is not a URL", "write scheme, host and port, as https://es.example:9200")
			continue
		case u.User != nil:
			f.add(path, "holds a user", "write user and password to auth.basic, and the address without them")
			continue
		case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
			f.add(path, fmt.Sprintf("%q is not an address", address), "write scheme, host and port, as https://es.example:9200")
			continue
		case u.RawQuery != "" || u.Fragment != "":
			f.add(path, fmt.Sprintf("%q has more than scheme, host, port and path", address), "leave out what begins with ? or #")
			continue
		}
		secure = secure || u.Scheme == "https"
		if u.Scheme == "https" {
			continue
		}
		if u.Port() == "" {
			f.warn(path, fmt.Sprintf("%q has no port, so that port 80 is asked", address), "add :9200, or :80 if it is meant")
		}
		if c.Auth != (Auth{}) && !isLoopback(u.Hostname()) {
			f.warn(path, "the credentials travel unencrypted", "write https and see tls.ca_file")
		}
	}
	if !secure && c.TLS != (TLS{}) {
		f.warn("tls", "is set, and no address begins with https", "write https in addresses, or leave tls out")
	}
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// badInName are the characters that Elasticsearch refuses in an index's name,
// and the colon, which leads to another cluster. See
// https://www.elastic.co/docs/api/doc/elasticsearch/operation/operation-indices-create
const badInName = "\\/*?\"<>| ,#:%"

func (c Config) validateNames(f *faults) {
	if p := c.IndexPrefix; p != "" {
		switch {
		case strings.ContainsAny(p, "*?"):
			f.add("index_prefix", fmt.Sprintf("%q has a wildcard", p), "write Jaeger's index prefix itself; one daemon reads one prefix")
		case strings.ContainsAny(p, badInName) || strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f }):
			f.add("index_prefix", fmt.Sprintf("%q has a character that no index's name can have", p), "write Jaeger's index prefix")
		case p != strings.ToLower(p):
			f.add("index_prefix", fmt.Sprintf("%q has upper case, which no index's name can have", p), fmt.Sprintf("write %q", strings.ToLower(p)))
		case strings.ContainsRune("-_+.", rune(p[0])):
			f.add("index_prefix", fmt.Sprintf("%q begins with %q, which no index of Jaeger's can", p, p[:1]), "write Jaeger's index prefix")
		case strings.HasSuffix(p, "jaeger-span") || strings.HasSuffix(p, "jaeger-span-"):
			f.add("index_prefix", fmt.Sprintf("%q is more than the prefix", p), "leave jaeger-span out: traceslo appends it")
		case len(p) > 200:
			f.add("index_prefix", "is longer than 200 bytes", "write Jaeger's index prefix")
		}
	}
	if s := c.IndexDateSeparator; strings.ContainsAny(s, badInName) || s != strings.ToLower(s) || strings.ContainsAny(s, "0123456789") || len(s) > 8 {
		f.add("index_date_separator", fmt.Sprintf("%q cannot stand in an index's date", s), `write what stands in yours: "-", ".", "_" or ""`)
	}
	if d := c.TagDotReplacement; d == "" || d == "." || len(d) > 8 {
		f.add("tag_dot_replacement", fmt.Sprintf("%q cannot stand for a dot", d), `write Jaeger's tags_as_fields.dot_replacement, "@" by default`)
	}
}

func (c Config) validateTimes(f *faults) {
	switch {
	case c.PollInterval < time.Second:
		f.add("poll_interval", config.FormatDuration(c.PollInterval)+" is too short: the cluster shows new spans once a second at best", "write 1s or more")
	case c.PollInterval > 10*time.Minute:
		f.add("poll_interval", config.FormatDuration(c.PollInterval)+" is longer than 10m, and no alert could be in time", "write 5s")
	}
	switch {
	case c.RequestTimeout < time.Second:
		f.add("request_timeout", config.FormatDuration(c.RequestTimeout)+" is too short", "write 30s")
	case c.RequestTimeout > 10*time.Minute:
		f.add("request_timeout", config.FormatDuration(c.RequestTimeout)+" is longer than 10m", "write 30s")
	}
}

// ownHeaders are set by HTTP, by auth or by traceslo itself.
var ownHeaders = []string{"Accept", "Accept-Encoding", "Connection", "Content-Encoding", "Content-Length", "Content-Type", "Host", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent"}

// headerName is a token as HTTP writes it (RFC 9110, 5.6.2).
var headerName = regexp.MustCompile("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$")

func (c Config) validateHeaders(f *faults) {
	for _, name := range slices.Sorted(maps.Keys(c.Headers)) {
		path := "headers." + name
		canonical := textproto.CanonicalMIMEHeaderKey(name)
		switch {
		case !headerName.MatchString(name):
			f.add("headers", fmt.Sprintf("%q is not a header's name", name), "write letters, digits and -")
		case canonical == "Authorization":
			f.add(path, "is set by auth", "write the credentials to auth")
		case slices.Contains(ownHeaders, canonical):
			f.add(path, "is set by traceslo itself", "leave it out")
		case !isOneLine(string(c.Headers[name])):
			f.add(path, "has a character that no header can have, as a line end", "write it on one line")
		}
	}
}

func (a Auth) validate(f *faults) {
	var set []string
	for _, way := range []struct {
		path string
		set  bool
	}{
		{"basic", a.Basic != (Basic{})},
		{"api_key", a.APIKey != ""}, {"api_key_file", a.APIKeyFile != ""},
		{"bearer_token", a.BearerToken != ""}, {"bearer_token_file", a.BearerTokenFile != ""},
	} {
		if way.set {
			set = append(set, way.path)
		}
	}
	if len(set) > 1 {
		f.add("auth", strings.Join(set, " and ")+" are given", "keep one of them")
	}
	if b := a.Basic; b != (Basic{}) {
		switch {
		case b.Username == "":
			f.add("auth.basic.username", "is missing", "write the user's name")
		case strings.Contains(b.Username, ":"):
			f.add("auth.basic.username", "has a colon, which ends the name in HTTP's basic authentication", "use a user without one, or an API key")
		}
		switch {
		case b.Password != "" && b.PasswordFile != "":
			f.add("auth.basic", "password and password_file are given", "keep one of them")
		case b.Password == "" && b.PasswordFile == "":
			f.add("auth.basic", "has no password", "add password_file, or password: ${NAME}")
		}
	}
	for _, file := range []struct{ path, name string }{
		{"auth.basic.password_file", a.Basic.PasswordFile}, {"auth.api_key_file", a.APIKeyFile}, {"auth.bearer_token_file", a.BearerTokenFile},
	} {
		if !f.file(file.path, file.name) {
			continue
		}
		if _, err := readSecret(file.name); err != nil {
			f.add(file.path, err.Error(), "write the secret there on one line, readable for the user that runs traceslo")
		}
	}
	for _, secret := range []struct {
		path  string
		value config.Secret
	}{{"auth.basic.password", a.Basic.Password}, {"auth.api_key", a.APIKey}, {"auth.bearer_token", a.BearerToken}} {
		if !isOneLine(string(secret.value)) {
			f.add(secret.path, "has a line end or another control character in it", "write it on one line")
		}
	}
}

// file checks the path of a file, and returns whether there is one to be read.
func (f *faults) file(path, name string) bool {
	switch {
	case name == "":
		return false
	case !filepath.IsAbs(name):
		f.add(path, fmt.Sprintf("%q is a relative path, whose meaning hangs on where traceslo is started", name), "write it from / on")
	case filepath.Clean(name) != name:
		f.add(path, fmt.Sprintf("%q is a roundabout path", name), fmt.Sprintf("write %q", filepath.Clean(name)))
	default:
		return true
	}
	return false
}

func (t TLS) validate(f *faults) {
	if f.file("tls.ca_file", t.CAFile) {
		if _, err := readCertificates(t.CAFile); err != nil {
			f.add("tls.ca_file", err.Error(), "write a PEM file with the certificate of the authority that signed the cluster's")
		}
	}
	cert, key := f.file("tls.cert_file", t.CertFile), f.file("tls.key_file", t.KeyFile)
	switch {
	case t.CertFile != "" && t.KeyFile == "":
		f.add("tls.key_file", "is missing", "give the key of cert_file")
	case t.KeyFile != "" && t.CertFile == "":
		f.add("tls.cert_file", "is missing", "give the certificate of key_file")
	case cert && key:
		if pair, err := readPair(t.CertFile, t.KeyFile); err != nil {
			f.add("tls.cert_file", err.Error(), "give a certificate and its unencrypted key, both in PEM")
		} else if ends := notAfter(pair); time.Now().After(ends) {
			f.warn("tls.cert_file", "the certificate expired on "+ends.UTC().Format(time.RFC3339), "have it renewed")
		}
	}
	if t.InsecureSkipVerify {
		f.warn("tls.insecure_skip_verify", "whoever stands between can read the credentials and invent spans", "give tls.ca_file")
		if t.CAFile != "" || t.ServerName != "" {
			f.warn("tls", "insecure_skip_verify makes ca_file and server_name useless", "leave insecure_skip_verify out")
		}
	}
}
