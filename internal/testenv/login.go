package testenv

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha512"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// A login is what a cluster with security asks of those who talk to it: a superuser's name and password, and the
// authority that signed the nodes' certificates.
type login struct {
	username, password string
	caFile             string
	authorities        *x509.CertPool
	certificate, key   []byte // Of the nodes, in PEM.
}

// newLogin makes a superuser and an authority, and writes the authority's certificate into dir.
func newLogin(dir string) (login, error) {
	l := login{username: "admin", password: rand.Text(), caFile: filepath.Join(dir, "ca.crt")}
	caKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return l, err
	}
	ca := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "traceslo test authority"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	caDER, err := x509.CreateCertificate(rand.Reader, ca, ca, caKey.Public(), caKey)
	if err != nil {
		return l, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return l, err
	}
	node := &x509.Certificate{
		SerialNumber: big.NewInt(2),
		Subject:      pkix.Name{CommonName: "localhost"},
		NotBefore:    ca.NotBefore,
		NotAfter:     ca.NotAfter,
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		DNSNames:     []string{"localhost"},
	}
	der, err := x509.CreateCertificate(rand.Reader, node, ca, key.Public(), caKey)
	if err != nil {
		return l, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return l, err
	}
	l.certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	l.key = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
	caPEM := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: caDER})
	l.authorities = x509.NewCertPool()
	l.authorities.AppendCertsFromPEM(caPEM)
	return l, os.WriteFile(l.caFile, caPEM, 0o644)
}

// install writes a node's certificate and the superuser into the node's configuration folder.
func (l login) install(config string) error {
	hash, err := hashPassword(l.password)
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		"http.crt":    string(l.certificate),
		"http.key":    string(l.key),
		"users":       l.username + ":" + hash + "\n",
		"users_roles": "superuser:" + l.username + "\n",
	} {
		if err := os.WriteFile(filepath.Join(config, name), []byte(content), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// hashPassword hashes as Elasticsearch's file realm does, which saves starting its own tools for it.
func hashPassword(password string) (string, error) {
	const cost = 10000
	salt := make([]byte, 32)
	if _, err := rand.Read(salt); err != nil {
		return "", err
	}
	key, err := pbkdf2.Key(sha512.New, password, salt, cost, 32)
	if err != nil {
		return "", err
	}
	b64 := base64.StdEncoding.EncodeToString
	return fmt.Sprintf("{PBKDF2}%d$%s$%s", cost, b64(salt), b64(key)), nil
}

// client returns an HTTP client that trusts the nodes.
func (l login) client() *http.Client {
	return &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: l.authorities, MinVersion: tls.VersionTLS12}}}
}

// securitySettings are the settings of a node with a login. Node to node they stay without TLS, which Elasticsearch lets
// pass on the loopback interface.
func securitySettings() map[string]string {
	return map[string]string{
		"xpack.security.http.ssl.enabled":                  "true",
		"xpack.security.http.ssl.certificate":              "http.crt",
		"xpack.security.http.ssl.key":                      "http.key",
		"xpack.security.transport.ssl.enabled":             "false",
		"xpack.security.enrollment.enabled":                "false",
		"xpack.security.autoconfiguration.enabled":         "false",
		"xpack.security.authc.password_hashing.algorithm":  "pbkdf2",
		"xpack.security.authc.realms.file.file1.order":     "0",
		"xpack.security.authc.realms.native.native1.order": "1",
		"xpack.security.authc.api_key.hashing.algorithm":   "pbkdf2",
	}
}
