package main

import (
	"crypto/x509"
	"os"
	"os/exec"
	"testing"
)

// TestPublicAuthoritiesAreWithin runs itself again on a machine that trusts
// nobody, as the image does.
func TestPublicAuthoritiesAreWithin(t *testing.T) {
	const file = "SSL_CERT_FILE"
	if os.Getenv(file) != os.DevNull {
		again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		again.Env = append(os.Environ(), file+"="+os.DevNull, "SSL_CERT_DIR="+t.TempDir())
		if out, err := again.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		return
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		t.Fatal(err)
	}
	if pool.Equal(x509.NewCertPool()) {
		t.Error("no authority is trusted")
	}
}
