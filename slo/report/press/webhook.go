package press

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// The headers of what is sent, besides Content-Type.
const (
	// ReportHeader has the report's name, PeriodHeader what it is about.
	ReportHeader = "X-Traceslo-Report"
	PeriodHeader = "X-Traceslo-Period"
	// DeliveryHeader names the run: what comes again has the same.
	DeliveryHeader = "X-Traceslo-Delivery"
	// SignatureHeader is as Sign has it, there if the webhook has a secret.
	SignatureHeader = "X-Traceslo-Signature"
)

// Sign returns the signature of what is sent: t=SECONDS,v1=HEX. SECONDS is the
// Unix time of the attempt, and HEX the HMAC-SHA256, by the secret, of SECONDS,
// a dot, the value of DeliveryHeader, a dot, and the body.
func Sign(secret, delivery string, body []byte, at time.Time) string {
	seconds := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(seconds + "." + delivery + "."))
	mac.Write(body)
	return "t=" + seconds + ",v1=" + hex.EncodeToString(mac.Sum(nil))
}

// send posts a run. Any answer but one of 200 to 299 is an error; a redirect is
// not followed, for it would take the report elsewhere.
func (w Webhook) send(ctx context.Context, name string, d delivery, body []byte, now time.Time) (reason, error) {
	secret, err := w.secret()
	if err != nil {
		return reasonSecret, err
	}
	client, err := w.client()
	if err != nil {
		return reasonCertificate, err
	}
	ctx, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, string(w.URL), bytes.NewReader(body))
	if err != nil {
		return reasonConnection, errors.New("the URL is not one") // err repeats it
	}
	request.Header.Set("Content-Type", d.Type)
	request.Header.Set("User-Agent", "traceslo")
	request.Header.Set(ReportHeader, name)
	request.Header.Set(PeriodHeader, d.Period)
	request.Header.Set(DeliveryHeader, d.Run)
	if secret != "" {
		request.Header.Set(SignatureHeader, Sign(secret, d.Run, body, now))
	}
	answer, err := client.Do(request)
	if err != nil {
		return w.refused(request.URL.Host, err)
	}
	defer answer.Body.Close()
	// What it says is of no use, and hostile for all we know.
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 64<<10))
	switch code := answer.StatusCode; {
	case code >= 300 && code < 400:
		return reasonRedirect, fmt.Errorf("%s answers %d, which is not followed; write the URL that it leads to", request.URL.Host, code)
	case code < 200 || code > 299:
		return reasonStatus, fmt.Errorf("%s answers %d %s", request.URL.Host, code, http.StatusText(code))
	}
	return "", nil
}

// refused says why there is no answer, without the URL.
func (w Webhook) refused(host string, err error) (reason, error) {
	if of, ok := errors.AsType[*url.Error](err); ok {
		err = of.Err
	}
	var timeout net.Error
	var verification *tls.CertificateVerificationError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return reasonTimeout, fmt.Errorf("%s does not answer within %s", host, w.Timeout)
	case errors.As(err, &verification), errors.Is(err, http.ErrSchemeMismatch):
		return reasonCertificate, fmt.Errorf("%s: %w; see webhook.ca_file", host, err)
	}
	return reasonConnection, fmt.Errorf("%s: %w", host, err)
}

// client returns a client with the certificates that are to be trusted now.
func (w Webhook) client() (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if w.CAFile != "" {
		pem, err := readSmall(w.CAFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%q holds no certificate in PEM", w.CAFile)
		}
	}
	return &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// secret returns the secret as it is now, "" for none.
func (w Webhook) secret() (string, error) {
	if w.SecretFile == "" {
		return string(w.Secret), nil
	}
	b, err := readSmall(w.SecretFile)
	if err != nil {
		return "", err
	}
	secret := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if secret == "" {
		return "", fmt.Errorf("%q is empty", w.SecretFile)
	}
	return secret, nil
}
