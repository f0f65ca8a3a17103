package elastic_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/source/elastic"
)

func TestDefaultHasNoFault(t *testing.T) {
	if faults := elastic.Default().Validate(); len(faults) > 0 {
		t.Errorf("%+v", faults)
	}
}

func TestValidateSaysWhatIsWrongAndWhatToWrite(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	a := newAuthority(t)
	cert, key := a.sign("client", time.Hour)
	expired, expiredKey := a.sign("expired", -time.Hour)
	_, otherKey := a.sign("other", time.Hour)
	secret := file("secret", "hush\n")

	for _, test := range []struct {
		name   string
		change func(*elastic.Config)
		want   []string // path, problem; cure
	}{
		{"no address", func(c *elastic.Config) { c.Addresses = nil }, []string{"addresses no address is given; write [http://127.0.0.1:9200], or where your cluster is"}},
		{"an address without a scheme", func(c *elastic.Config) { c.Addresses = []string{"es.example:9200"} }, []string{`addresses[0] "es.example:9200" is not an address; write scheme, host and port, as https://es.example:9200`}},
		{"an address with a password", func(c *elastic.Config) { c.Addresses = []string{"https://u:hush@es.example:9200"} }, []string{"addresses[0] holds a user; write user and password to auth.basic, and the address without them"}},
		{"an address that is none and has a password", func(c *elastic.Config) { c.Addresses = []string{"https://u:hu%sh@es.example:9200"} }, []string{"addresses[0] is not a URL; write scheme, host and port, as https://es.example:9200"}},
		{"an address with a query", func(c *elastic.Config) { c.Addresses = []string{"https://es.example:9200/?pretty"} }, []string{`addresses[0] "https://es.example:9200/?pretty" has more than scheme, host, port and path; leave out what begins with ? or #`}},
		{"an address twice", func(c *elastic.Config) { c.Addresses = []string{"https://es:9200", "https://es:9200"} }, []string{"addresses[1] stands there twice; leave one out"}},
		{"an address behind a path", func(c *elastic.Config) { c.Addresses = []string{"https://es.example/search/"} }, nil},
		{"an address without a port", func(c *elastic.Config) { c.Addresses = []string{"http://es.example"} }, []string{`warning: addresses[0] "http://es.example" has no port, so that port 80 is asked; add :9200, or :80 if it is meant`}},
		{"a password for all to hear", func(c *elastic.Config) {
			c.Addresses = []string{"http://es.example:9200"}
			c.Auth.APIKey = "k"
		}, []string{"warning: addresses[0] the credentials travel unencrypted; write https and see tls.ca_file"}},
		{"a password on this machine", func(c *elastic.Config) { c.Auth.APIKey = "k" }, nil},
		{"a prefix with a wildcard", func(c *elastic.Config) { c.IndexPrefix = "jaeger*" }, []string{`index_prefix "jaeger*" has a wildcard; write Jaeger's index prefix itself; one daemon reads one prefix`}},
		{"a prefix of another cluster", func(c *elastic.Config) { c.IndexPrefix = "other:jaeger" }, []string{`index_prefix "other:jaeger" has a character that no index's name can have; write Jaeger's index prefix`}},
		{"a prefix with upper case", func(c *elastic.Config) { c.IndexPrefix = "Jaeger" }, []string{`index_prefix "Jaeger" has upper case, which no index's name can have; write "jaeger"`}},
		{"a prefix that begins with a dash", func(c *elastic.Config) { c.IndexPrefix = "-x" }, []string{`index_prefix "-x" begins with "-", which no index of Jaeger's can; write Jaeger's index prefix`}},
		{"a prefix with Jaeger's own part", func(c *elastic.Config) { c.IndexPrefix = "a-jaeger-span-" }, []string{`index_prefix "a-jaeger-span-" is more than the prefix; leave jaeger-span out: traceslo appends it`}},
		{"a separator that no name has", func(c *elastic.Config) { c.IndexDateSeparator = "/" }, []string{`index_date_separator "/" cannot stand in an index's date; write what stands in yours: "-", ".", "_" or ""`}},
		{"no separator", func(c *elastic.Config) { c.IndexDateSeparator = "" }, nil},
		{"no replacement for dots", func(c *elastic.Config) { c.TagDotReplacement = "" }, []string{`tag_dot_replacement "" cannot stand for a dot; write Jaeger's tags_as_fields.dot_replacement, "@" by default`}},
		{"a hasty poll", func(c *elastic.Config) { c.PollInterval = 100 * time.Millisecond }, []string{"poll_interval 100ms is too short: the cluster shows new spans once a second at best; write 1s or more"}},
		{"a lazy poll", func(c *elastic.Config) { c.PollInterval = time.Hour }, []string{"poll_interval 1h is longer than 10m, and no alert could be in time; write 5s"}},
		{"a hasty deadline", func(c *elastic.Config) { c.RequestTimeout = 0 }, []string{"request_timeout 0s is too short; write 30s"}},
		{"an endless deadline", func(c *elastic.Config) { c.RequestTimeout = time.Hour }, []string{"request_timeout 1h is longer than 10m; write 30s"}},
		{"aggregations", func(c *elastic.Config) { c.Read = elastic.Aggregations }, nil},
		{"another way to read", func(c *elastic.Config) { c.Read = "scroll" }, []string{`read "scroll" is no way to read spans; write documents or aggregations`}},
		{"two ways to log in", func(c *elastic.Config) {
			c.Auth = elastic.Auth{Basic: elastic.Basic{Username: "u", PasswordFile: secret}, APIKeyFile: secret}
		}, []string{"auth basic and api_key_file are given; keep one of them"}},
		{"two passwords", func(c *elastic.Config) {
			c.Auth.Basic = elastic.Basic{Username: "u", Password: "hush", PasswordFile: secret}
		}, []string{"auth.basic password and password_file are given; keep one of them"}},
		{"a user without a password", func(c *elastic.Config) { c.Auth.Basic.Username = "u" }, []string{"auth.basic has no password; add password_file, or password: ${NAME}"}},
		{"a password without a user", func(c *elastic.Config) { c.Auth.Basic.Password = "hush" }, []string{"auth.basic.username is missing; write the user's name"}},
		{"a user with a colon", func(c *elastic.Config) { c.Auth.Basic = elastic.Basic{Username: "u:v", Password: "hush"} }, []string{"auth.basic.username has a colon, which ends the name in HTTP's basic authentication; use a user without one, or an API key"}},
		{"a password on two lines", func(c *elastic.Config) { c.Auth.Basic = elastic.Basic{Username: "u", Password: "hu\nsh"} }, []string{"auth.basic.password has a line end or another control character in it; write it on one line"}},
		{"a relative file", func(c *elastic.Config) { c.Auth.APIKeyFile = "secret" }, []string{`auth.api_key_file "secret" is a relative path, whose meaning hangs on where traceslo is started; write it from / on`}},
		{"a roundabout file", func(c *elastic.Config) { c.Auth.APIKeyFile = "/etc/../etc/secret" }, []string{`auth.api_key_file "/etc/../etc/secret" is a roundabout path; write "/etc/secret"`}},
		{"a missing file", func(c *elastic.Config) { c.Auth.BearerTokenFile = dir + "/none" }, []string{`auth.bearer_token_file read "DIR/none": no such file or directory; write the secret there on one line, readable for the user that runs traceslo`}},
		{"an empty file", func(c *elastic.Config) { c.Auth.APIKeyFile = file("empty", "\n") }, []string{`auth.api_key_file "DIR/empty" is empty; write the secret there on one line, readable for the user that runs traceslo`}},
		{"a file with two lines", func(c *elastic.Config) { c.Auth.APIKeyFile = file("lines", "hush\nhush\n") }, []string{`auth.api_key_file "DIR/lines" has more than one line, or control characters; write the secret there on one line, readable for the user that runs traceslo`}},
		{"TLS for nobody", func(c *elastic.Config) { c.TLS.CAFile = a.file }, []string{"warning: tls is set, and no address begins with https; write https in addresses, or leave tls out"}},
		{"a client's certificate", withTLS(elastic.TLS{CertFile: cert, KeyFile: key}), nil},
		{"an authority that is none", withTLS(elastic.TLS{CAFile: secret}), []string{`tls.ca_file "DIR/secret" holds no certificate in PEM; write a PEM file with the certificate of the authority that signed the cluster's`}},
		{"a certificate without a key", withTLS(elastic.TLS{CertFile: cert}), []string{"tls.key_file is missing; give the key of cert_file"}},
		{"a key without a certificate", withTLS(elastic.TLS{KeyFile: key}), []string{"tls.cert_file is missing; give the certificate of key_file"}},
		{"a key that is none", withTLS(elastic.TLS{CertFile: cert, KeyFile: secret}), []string{`tls.cert_file "DIR/secret" holds no key in PEM; give a certificate and its unencrypted key, both in PEM`}},
		{"a key of another certificate", withTLS(elastic.TLS{CertFile: cert, KeyFile: otherKey}), []string{`tls.cert_file pair "client.pem" with "other.key": tls: private key does not match public key; give a certificate and its unencrypted key, both in PEM`}},
		{"an expired certificate", withTLS(elastic.TLS{CertFile: expired, KeyFile: expiredKey}), []string{"warning: tls.cert_file the certificate expired on TIME; have it renewed"}},
		{"trust in everybody", withTLS(elastic.TLS{InsecureSkipVerify: true}), []string{"warning: tls.insecure_skip_verify whoever stands between can read the credentials and invent spans; give tls.ca_file"}},
		{"headers", func(c *elastic.Config) {
			c.Headers = map[string]config.Secret{"X-Team": "a", "authorization": "hush", "Content-Type": "x", "no name": "x", "X-Lines": "hu\r\nsh"}
		}, []string{
			"headers.Content-Type is set by traceslo itself; leave it out",
			"headers.X-Lines has a character that no header can have, as a line end; write it on one line",
			"headers.authorization is set by auth; write the credentials to auth",
			`headers "no name" is not a header's name; write letters, digits and -`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := elastic.Default()
			test.change(&c)
			var got []string
			faulty := false
			for _, f := range c.Validate() {
				text := fmt.Sprintf("%s %s; %s", f.Path, f.Problem, f.Cure)
				if f.Warning {
					text = "warning: " + text
				}
				faulty = faulty || !f.Warning
				got = append(got, anonymous(text, dir, cert, otherKey))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if strings.Contains(strings.Join(got, ""), "hush") {
				t.Error("a secret is shown")
			}
			s, err := elastic.New(elastic.Options{Config: c, Fine: fineBounds})
			if (err != nil) != faulty {
				t.Errorf("New: %v", err)
			}
			if err == nil {
				s.Close()
			}
		})
	}
}

func withTLS(t elastic.TLS) func(*elastic.Config) {
	return func(c *elastic.Config) { c.Addresses, c.TLS = []string{"https://es:9200"}, t }
}

var expiry = regexp.MustCompile(`expired on [^;]+`)

// anonymous takes out of a text what differs from run to run.
func anonymous(text, dir string, files ...string) string {
	text = strings.ReplaceAll(text, dir, "DIR")
	for _, file := range files {
		text = strings.ReplaceAll(text, file, filepath.Base(file))
	}
	return expiry.ReplaceAllString(text, "expired on TIME")
}

func TestSecretsDoNotPrint(t *testing.T) {
	c := elastic.Default()
	c.Auth = elastic.Auth{Basic: elastic.Basic{Username: "user", Password: "hush"}, APIKey: "hush", BearerToken: "hush"}
	c.Headers = map[string]config.Secret{"X-Token": "hush"}
	asJSON, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%q %x %d", c.Auth.APIKey, c.Auth.APIKey, c.Auth.APIKey), string(asJSON)} {
		if strings.Contains(text, "hush") || strings.Contains(text, fmt.Sprintf("%x", "hush")) {
			t.Errorf("printed %s", text)
		}
	}
}
