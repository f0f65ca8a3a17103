package elastic

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// A dialer opens a connection; net.Dialer.DialContext is one.
type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// A roundTripper makes HTTP exchanges with the certificates that lie in the
// configured files now: when one changes, new connections use it.
type roundTripper struct {
	config TLS
	dial   dialer
	log    zerolog.Logger

	mu      sync.Mutex // guards all below
	watch   *watch
	current *http.Transport
	broken  bool
}

func newRoundTripper(config TLS, dial dialer, log zerolog.Logger, now time.Time) (*roundTripper, error) {
	r := &roundTripper{config: config, dial: dial, log: log, watch: newWatch(now, config.CAFile, config.CertFile, config.KeyFile)}
	var err error
	r.current, err = r.transport()
	return r, err
}

// RoundTrip implements http.RoundTripper.
func (r *roundTripper) RoundTrip(request *http.Request) (*http.Response, error) {
	r.mu.Lock()
	if r.watch.changed(time.Now()) {
		r.reread()
	}
	current := r.current
	r.mu.Unlock()
	return current.RoundTrip(request)
}

// CloseIdleConnections closes what lies idle.
func (r *roundTripper) CloseIdleConnections() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.current.CloseIdleConnections()
}

func (r *roundTripper) reread() {
	fresh, err := r.transport()
	if err != nil {
		// A pair is seldom written in one moment: the next look may find it whole.
		if !r.broken {
			r.log.Error().Err(err).Msg("the certificates' files cannot be read; using what they held before")
		}
		r.broken = true
		r.watch.again()
		return
	}
	r.broken = false
	r.current.CloseIdleConnections()
	r.current = fresh
	r.log.Info().Msg("the certificates' files have changed and are in use")
}

// transport returns a transport with what the files hold now.
func (r *roundTripper) transport() (*http.Transport, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: r.config.ServerName, InsecureSkipVerify: r.config.InsecureSkipVerify}
	if r.config.CAFile != "" {
		pool, err := readCertificates(r.config.CAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	if r.config.CertFile != "" {
		pair, err := readPair(r.config.CertFile, r.config.KeyFile)
		if err != nil {
			return nil, err
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		DialContext:     r.dial,
		TLSClientConfig: config,
		// Pages are read side by side, all from few nodes.
		MaxIdleConnsPerHost: 32,
		IdleConnTimeout:     90 * time.Second,
		TLSHandshakeTimeout: 10 * time.Second,
		// What is compressed is said, and inflated within bounds, by link.
		DisableCompression: true,
		ReadBufferSize:     64 << 10,
	}, nil
}

// readCertificates returns the certificates of a PEM file.
func readCertificates(name string) (*x509.CertPool, error) {
	b, err := readSmall(name)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, fmt.Errorf("%q holds no certificate in PEM", name)
	}
	return pool, nil
}

// readPair returns a certificate and its key. The error holds nothing of the key.
func readPair(certFile, keyFile string) (tls.Certificate, error) {
	cert, err := readSmall(certFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	key, err := readSmall(keyFile)
	if err != nil {
		return tls.Certificate{}, err
	}
	if block, _ := pem.Decode(key); block == nil {
		return tls.Certificate{}, fmt.Errorf("%q holds no key in PEM", keyFile)
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return tls.Certificate{}, fmt.Errorf("pair %q with %q: %w", certFile, keyFile, err)
	}
	return pair, nil
}

// notAfter returns when the certificate of a pair that was read expires.
func notAfter(pair tls.Certificate) time.Time { return pair.Leaf.NotAfter }

// tlsCause says what is wrong with the certificates and which key mends it;
// "" if err is of another kind.
func tlsCause(err error) string {
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var verification *tls.CertificateVerificationError
	var remote *net.OpError
	switch {
	case errors.As(err, &unknown):
		return "the cluster's certificate is signed by an unknown authority; give the authority's certificate in tls.ca_file"
	case errors.As(err, &host):
		return fmt.Sprintf("the cluster's certificate is for other names (%v); give one of them in tls.server_name, or use it in addresses", host)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Sprintf("the cluster's certificate is expired or not yet valid (%s to %s); have it renewed, or correct this machine's clock",
			invalid.Cert.NotBefore.UTC().Format(time.RFC3339), invalid.Cert.NotAfter.UTC().Format(time.RFC3339))
	case errors.As(err, &record):
		return "the answer is not TLS; write http instead of https in addresses if the cluster has none"
	case errors.As(err, &verification):
		return fmt.Sprintf("the cluster's certificate is not accepted: %v; see tls.ca_file", verification.Err)
	case errors.As(err, &remote) && remote.Op == "remote error":
		return fmt.Sprintf("the cluster refuses the connection: %v; if it wants a certificate of ours, give tls.cert_file and tls.key_file, else see its log", remote.Err)
	}
	return ""
}
