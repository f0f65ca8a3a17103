package elastic_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/config"
	"github.com/traceslo/traceslo/internal/testenv"
	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
	"github.com/traceslo/traceslo/source/jaeger"
)

// role is the part of a role that Role writes.
type role struct {
	Cluster []string `json:"cluster"`
	Indices []struct {
		Names      []string `json:"names"`
		Privileges []string `json:"privileges"`
	} `json:"indices"`
}

func TestLiveRightsAndCredentials(t *testing.T) {
	c := testenv.StartCluster(t, testenv.ClusterOptions{Flavor: testenv.Elasticsearch, Version: "8.19.7", Security: true})
	prefix := c.Prefix(t)
	index := prefix + "-jaeger-span-2026-01-02"
	closed := prefix + "-jaeger-span-2026-01-01"
	c.Do(t, "PUT", "/"+closed, "")
	c.Do(t, "POST", "/"+closed+"/_close", "")
	c.Do(t, "PUT", "/"+index, `{"settings":{"number_of_shards":1,"number_of_replicas":0},`+mapping+`}`)
	store(t, c, index, 0, 20)

	put := func(t *testing.T, name string, body []byte) {
		t.Helper()
		c.Do(t, "PUT", "/_security/role/"+name, string(body))
		c.Do(t, "PUT", "/_security/user/"+name, `{"password":"first password","roles":["`+name+`"]}`)
	}
	as := func(name, password string) func(*elastic.Config) {
		return func(c *elastic.Config) {
			c.Auth.Basic = elastic.Basic{Username: name, Password: config.Secret(password)}
		}
	}
	readAll := func(t *testing.T, s *elastic.Source) error {
		t.Helper()
		v, err := s.Survey(t.Context())
		if err != nil {
			return err
		}
		if len(v.Indices) != 2 || !v.Indices[0].Closed || !v.Indices[1].Shards[0].Ready {
			t.Fatalf("survey: %+v", v)
		}
		return s.Read(t.Context(), rangeOf(v), func(*source.Page) error { return nil })
	}

	t.Run("the role of least privilege is enough", func(t *testing.T) {
		put(t, "least", elastic.Role(prefix))
		s := open(t, c, prefix, as("least", "first password"))
		if v := survey(t, s); v.Cluster == "" {
			t.Error("the cluster is not known")
		}
		if err := readAll(t, s); err != nil {
			t.Error(err)
		}
		for _, f := range open(t, c, prefix, as("least", "first password")).Live(t.Context()).Findings {
			if f.Level != elastic.Fine && !strings.Contains(f.Text, "is closed") {
				t.Errorf("%s: %s; %s", f.Level, f.Text, f.Cure)
			}
		}
	})

	t.Run("it is enough for all ways of reading", func(t *testing.T) {
		prefix := c.Prefix(t)
		base := prefix + "-jaeger-span-2026-01-0"
		for _, day := range []string{"1", "2", "3"} {
			c.Do(t, "PUT", "/"+base+day, string(jaeger.Template{Shards: 1}.Index()))
			store(t, c, base+day, 0, 3000)
		}
		put(t, "all-ways", elastic.Role(prefix))
		for engine, form := range map[elastic.Engine]string{elastic.Documents: "lean", elastic.Aggregations: "counted"} {
			read := &counts{}
			writes := 0
			o := elastic.Options{Config: elastic.Default(), Fine: fineBounds, Watch: read, Log: zerolog.New(zerolog.NewTestWriter(t)), Observe: func(operation, status string, _ time.Duration) {
				if operation == "writes" && status == "200" {
					writes++
				}
			}}
			as("all-ways", "first password")(&o.Config)
			o.Config.Addresses, o.Config.IndexPrefix, o.Config.TLS.CAFile, o.Config.Read = []string{c.URL}, prefix, c.CAFile, engine
			s := openConfig(t, o)
			s.SetQuiet(time.Nanosecond, 1)
			survey(t, s)
			for range 3 { // Of what is quiet, they tell without being asked.
				if v := survey(t, s); len(v.Indices) != 3 || !v.Indices[0].Shards[0].Ready {
					t.Fatalf("%s: survey: %+v", engine, v)
				}
			}
			v := survey(t, s)
			if err := s.Read(t.Context(), all(v, v.Indices[0], 0), func(*source.Page) error { return nil }); err != nil {
				t.Fatal(err)
			}
			if read.of(form) < 1000 || writes == 0 {
				t.Errorf("%s: %d documents were read %s, and quiet indices were asked %d times", engine, read.of(form), form, writes)
			}
		}
	})

	for _, right := range []struct {
		name  string
		level elastic.Level
		kind  source.ErrorKind // of reading; "" if it goes on without
		says  string
	}{
		{"monitor", elastic.Wrong, source.Forbidden, `grant the index privilege "monitor" on "` + prefix + `-jaeger-span-*"`},
		{"read", elastic.Wrong, source.Forbidden, `grant the index privilege "read" on`},
		{"maintenance", elastic.Doubtful, source.Forbidden, `grant the index privilege "maintenance" on`},
		{"cluster", elastic.Doubtful, "", `grant the cluster privilege "monitor" on the cluster`},
	} {
		t.Run("without "+right.name+" the error names it", func(t *testing.T) {
			var r role
			if err := json.Unmarshal(elastic.Role(prefix), &r); err != nil {
				t.Fatal(err)
			}
			if right.name == "cluster" {
				r.Cluster = nil
			} else {
				all := len(r.Indices[0].Privileges)
				r.Indices[0].Privileges = slices.DeleteFunc(r.Indices[0].Privileges, func(p string) bool { return p == right.name })
				if len(r.Indices[0].Privileges) != all-1 {
					t.Fatalf("the role has no %s", right.name)
				}
			}
			body, err := json.Marshal(r)
			if err != nil {
				t.Fatal(err)
			}
			put(t, right.name, body)
			err = readAll(t, open(t, c, prefix, as(right.name, "first password")))
			switch {
			case right.kind == "" && err != nil:
				t.Errorf("reading: %v", err)
			case right.kind != "" && (source.KindOf(err) != right.kind || !strings.Contains(err.Error(), right.says)):
				t.Errorf("reading: %v, want %s and %s", err, right.kind, right.says)
			}
			named := false
			for _, f := range open(t, c, prefix, as(right.name, "first password")).Live(t.Context()).Findings {
				named = named || f.Level == right.level && strings.Contains(f.Text, right.says)
				if f.Level == elastic.Wrong && right.level != elastic.Wrong {
					t.Errorf("%s: %s", f.Level, f.Text)
				}
			}
			if !named {
				t.Errorf("check does not say %q", right.says)
			}
		})
	}

	t.Run("without the right to refresh spans are read when they are old enough", func(t *testing.T) {
		s := open(t, c, prefix, as("maintenance", "first password"))
		if err := readAll(t, s); source.KindOf(err) != source.Forbidden {
			t.Fatalf("the first read: %v", err)
		}
		store(t, c, index, 20, 30)
		began := time.Now()
		testenv.Eventually(t, time.Minute, func() error {
			v, err := s.Survey(t.Context())
			if err != nil {
				return err
			}
			shard := v.Indices[1].Shards[0]
			if !shard.Ready || v.Taken.Before(began) {
				return os.ErrDeadlineExceeded
			}
			spans := 0
			if err := s.Read(t.Context(), rangeOf(v), func(p *source.Page) error { spans += len(p.Spans); return nil }); err != nil {
				return err
			}
			if spans != 30 {
				t.Errorf("%d spans, want 30", spans)
			}
			return nil
		})
	})

	t.Run("credentials", func(t *testing.T) { liveCredentials(t, c, prefix) })
}

// rangeOf returns all of the only shard of the open index of a survey.
func rangeOf(v source.Survey) source.Range {
	return source.Range{Index: v.Indices[1].Name, UUID: v.Indices[1].UUID, After: -1, Upto: v.Indices[1].Shards[0].Upto, Surveyed: v.Taken}
}

func liveCredentials(t *testing.T, c *testenv.Cluster, prefix string) {
	file := filepath.Join(t.TempDir(), "secret")
	write := func(t *testing.T, secret string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var key struct{ ID, APIKey, Encoded string }
	if err := json.Unmarshal(c.Do(t, "POST", "/_security/api_key", `{"name":"reader","role_descriptors":{"reader":`+string(elastic.Role(prefix))+`}}`), &struct {
		ID      *string `json:"id"`
		APIKey  *string `json:"api_key"`
		Encoded *string `json:"encoded"`
	}{&key.ID, &key.APIKey, &key.Encoded}); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		secret string
		change func(*elastic.Config)
		kind   source.ErrorKind
	}{
		{"the right password is accepted", "first password", func(c *elastic.Config) {
			c.Auth.Basic = elastic.Basic{Username: "least", PasswordFile: file}
		}, ""},
		{"a wrong password is refused", "a wrong password", func(c *elastic.Config) {
			c.Auth.Basic = elastic.Basic{Username: "least", PasswordFile: file}
		}, source.Unauthorized},
		{"an API key as id:key is accepted", key.ID + ":" + key.APIKey, func(c *elastic.Config) { c.Auth.APIKeyFile = file }, ""},
		{"an API key in base64 is accepted", key.Encoded, func(c *elastic.Config) { c.Auth.APIKeyFile = file }, ""},
		{"a wrong API key is refused", base64.StdEncoding.EncodeToString([]byte(key.ID + ":wrong-wrong-wrong")), func(c *elastic.Config) { c.Auth.APIKeyFile = file }, source.Unauthorized},
		{"a wrong token is refused", "nonsense", func(c *elastic.Config) { c.Auth.BearerTokenFile = file }, source.Unauthorized},
		{"nobody is refused", "unused", nil, source.Unauthorized},
		{"without the authority's certificate there is no connection", "unused", func(c *elastic.Config) { c.TLS.CAFile = "" }, source.TLS},
		{"for another name there is no connection", "unused", func(c *elastic.Config) { c.TLS.ServerName = "elsewhere.example" }, source.TLS},
	} {
		t.Run(test.name, func(t *testing.T) {
			write(t, test.secret)
			_, err := open(t, c, prefix, test.change).Survey(t.Context())
			if err == nil && test.kind != "" || err != nil && source.KindOf(err) != test.kind {
				t.Errorf("got %v, want %q", err, test.kind)
			}
			if err != nil && strings.Contains(err.Error(), test.secret) && test.secret != "unused" {
				t.Errorf("the error tells the secret: %v", err)
			}
		})
	}
	t.Run("a password that changes is read again when the old one is refused", func(t *testing.T) {
		write(t, "first password")
		s := openConfig(t, elastic.Options{Log: zerolog.Nop(), Config: func() elastic.Config {
			config := elastic.Default()
			config.Addresses, config.IndexPrefix, config.TLS.CAFile = []string{c.URL}, prefix, c.CAFile
			config.Auth.Basic = elastic.Basic{Username: "least", PasswordFile: file}
			return config
		}()})
		survey(t, s)
		write(t, "second password")
		c.Do(t, "PUT", "/_security/user/least/_password", `{"password":"second password"}`)
		survey(t, s)
	})
}
