package elastic_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/source"
	"github.com/traceslo/traceslo/source/elastic"
)

// An authority signs certificates.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	file string
	pool *x509.CertPool
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t, key: newKey(t), file: filepath.Join(t.TempDir(), "ca.pem"), pool: x509.NewCertPool()}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(48 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, a.key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	writePEM(t, a.file, "CERTIFICATE", der)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t *testing.T, file, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// sign returns files with a certificate for localhost that expires so long from now, and its key.
func (a *authority) sign(name string, expires time.Duration) (certFile, keyFile string) {
	a.t.Helper()
	key := newKey(a.t)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(expires),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"localhost"},
	}, a.cert, key.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		a.t.Fatal(err)
	}
	dir := a.t.TempDir()
	certFile, keyFile = filepath.Join(dir, name+".pem"), filepath.Join(dir, name+".key")
	writePEM(a.t, certFile, "CERTIFICATE", der)
	writePEM(a.t, keyFile, "PRIVATE KEY", keyDER)
	return certFile, keyFile
}

// serveTLS serves the recorded answers over TLS.
func serveTLS(t *testing.T, certFile, keyFile string, config *tls.Config) *httptest.Server {
	t.Helper()
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	config.Certificates = []tls.Certificate{pair}
	server := httptest.NewUnstartedServer(newCluster(t))
	server.TLS = config
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server
}

func at(t *testing.T, address string, change func(*elastic.Config)) *elastic.Source {
	t.Helper()
	config := elastic.Default()
	config.Addresses, config.IndexPrefix, config.RequestTimeout = []string{address}, "rec", 10*time.Second
	if change != nil {
		change(&config)
	}
	return openConfig(t, elastic.Options{Config: config, Log: zerolog.New(zerolog.NewTestWriter(t))})
}

func TestTLSSaysWhatIsWrongAndWhichKeyMendsIt(t *testing.T) {
	ours, others := newAuthority(t), newAuthority(t)
	good, goodKey := ours.sign("node", 24*time.Hour)
	expired, expiredKey := ours.sign("expired", -time.Hour)
	client, clientKey := ours.sign("client", 24*time.Hour)
	stranger, strangerKey := others.sign("stranger", 24*time.Hour)

	open := serveTLS(t, good, goodKey, &tls.Config{})
	old := serveTLS(t, expired, expiredKey, &tls.Config{})
	guarded := serveTLS(t, good, goodKey, &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: ours.pool})
	plain := httptest.NewServer(newCluster(t))
	t.Cleanup(plain.Close)

	for _, test := range []struct {
		name, address string
		tls           elastic.TLS
		kind          source.ErrorKind
		says          string
	}{
		{"the authority's certificate is enough", open.URL, elastic.TLS{CAFile: ours.file}, "", ""},
		{"a name of the certificate is accepted", open.URL, elastic.TLS{CAFile: ours.file, ServerName: "localhost"}, "", ""},
		{"whoever does not want to know is not told", old.URL, elastic.TLS{InsecureSkipVerify: true}, "", ""},
		{"an unknown authority", open.URL, elastic.TLS{}, source.TLS, "tls.ca_file"},
		{"another authority", open.URL, elastic.TLS{CAFile: others.file}, source.TLS, "tls.ca_file"},
		{"another name", open.URL, elastic.TLS{CAFile: ours.file, ServerName: "elsewhere.example"}, source.TLS, "tls.server_name"},
		{"an expired certificate", old.URL, elastic.TLS{CAFile: ours.file}, source.TLS, "expired or not yet valid"},
		{"a client's certificate is shown", guarded.URL, elastic.TLS{CAFile: ours.file, CertFile: client, KeyFile: clientKey}, "", ""},
		{"a client's certificate is missing", guarded.URL, elastic.TLS{CAFile: ours.file}, source.TLS, "tls.cert_file"},
		{"a client's certificate is a stranger's", guarded.URL, elastic.TLS{CAFile: ours.file, CertFile: stranger, KeyFile: strangerKey}, source.TLS, "tls.cert_file"},
		{"the cluster speaks no TLS", strings.Replace(plain.URL, "http:", "https:", 1), elastic.TLS{CAFile: ours.file}, source.TLS, "write http instead of https"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := at(t, test.address, func(c *elastic.Config) { c.TLS = test.tls }).Survey(t.Context())
			if err == nil && test.kind != "" || err != nil && (source.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.says)) {
				t.Errorf("got %v, want kind %q and %q", err, test.kind, test.says)
			}
		})
	}
}

func TestCertificatesAreReadAgainWhenTheyChange(t *testing.T) {
	old, fresh := newAuthority(t), newAuthority(t)
	cert, key := fresh.sign("node", 24*time.Hour)
	server := serveTLS(t, cert, key, &tls.Config{})
	file := filepath.Join(t.TempDir(), "ca.pem")
	install := func(from string) {
		t.Helper()
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		// As a mounted secret changes: another file under the name.
		if err := os.WriteFile(file+".new", b, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil {
			t.Fatal(err)
		}
	}
	install(old.file)
	s := at(t, server.URL, func(c *elastic.Config) { c.TLS.CAFile = file })
	if _, err := s.Survey(t.Context()); source.KindOf(err) != source.TLS {
		t.Fatalf("with the old authority: %v", err)
	}
	// Half a file does no harm.
	if err := os.WriteFile(file, []byte("-----BEGIN"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Survey(t.Context()); source.KindOf(err) != source.TLS {
		t.Fatalf("with half a file: %v", err)
	}
	install(fresh.file)
	eventually(t, func() error {
		_, err := s.Survey(t.Context())
		return err
	})
}

// eventually calls f until it succeeds.
func eventually(t *testing.T, f func() error) {
	t.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-deadline.C:
			t.Fatal(err)
		case <-tick.C:
		}
	}
}

func TestAnAddressThatFailsIsLeftForAnother(t *testing.T) {
	c := newCluster(t)
	living := httptest.NewServer(c)
	t.Cleanup(living.Close)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := "http://" + listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	s := at(t, dead, func(c *elastic.Config) { c.Addresses = []string{dead, living.URL + "/"} })
	for range 3 {
		survey(t, s)
	}
	if _, err := at(t, dead, nil).Survey(t.Context()); source.KindOf(err) != source.Unreachable || !strings.Contains(err.Error(), "connection refused") {
		t.Errorf("the dead one alone: %v", err)
	}
}
