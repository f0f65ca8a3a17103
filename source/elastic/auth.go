package elastic

import (
	"encoding/base64"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/traceslo/traceslo/internal/config"
)

// credentials give the header Authorization, and know what must not be shown.
type credentials struct {
	auth Auth
	log  zerolog.Logger
	// always are the values of the configured headers, which are secret too.
	always []string

	mu     sync.Mutex // guards all below
	watch  *watch
	header string
	// secrets are the forms in which the secret may come back.
	secrets []string
	broken  bool
}

func newCredentials(auth Auth, headers map[string]config.Secret, log zerolog.Logger, now time.Time) (*credentials, error) {
	c := &credentials{auth: auth, log: log, watch: newWatch(now, auth.Basic.PasswordFile, auth.APIKeyFile, auth.BearerTokenFile)}
	for _, value := range headers {
		c.always = append(c.always, string(value))
	}
	return c, c.read()
}

// read sets header and secret from the configuration and its file.
func (c *credentials) read() error {
	secret := string(c.auth.Basic.Password + c.auth.APIKey + c.auth.BearerToken) // at most one is set
	for _, name := range c.watch.names {
		var err error
		if secret, err = readSecret(name); err != nil {
			return err
		}
	}
	c.secrets = slices.Concat(c.always, []string{secret})
	switch {
	case c.auth.Basic != (Basic{}):
		c.header = "Basic " + base64.StdEncoding.EncodeToString([]byte(c.auth.Basic.Username+":"+secret))
	case c.auth.APIKey != "" || c.auth.APIKeyFile != "":
		// The colon of id:key is no character of base64.
		if strings.Contains(secret, ":") {
			secret = base64.StdEncoding.EncodeToString([]byte(secret))
		}
		c.header = "ApiKey " + secret
		plain, _ := base64.StdEncoding.DecodeString(secret)
		_, key, _ := strings.Cut(string(plain), ":")
		c.secrets = append(c.secrets, string(plain), key)
	case secret != "":
		c.header = "Bearer " + secret
	}
	_, sent, _ := strings.Cut(c.header, " ")
	c.secrets = append(c.secrets, sent)
	return nil
}

// authorization returns the header's value, "" for none. A file that changed is
// read again; if that fails, what it held before stays.
func (c *credentials) authorization(now time.Time) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watch.changed(now) {
		c.reread()
	}
	return c.header
}

// refused is told that the cluster does not accept the header that was sent,
// and returns whether there is another one to try.
func (c *credentials) refused(sent string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.header == sent && len(c.watch.names) > 0 {
		c.reread()
	}
	return c.header != sent
}

func (c *credentials) reread() {
	before := c.header
	err := c.read()
	if err != nil {
		c.watch.again()
	}
	switch {
	case err != nil && !c.broken:
		c.log.Error().Err(err).Msg("the credentials' file cannot be read; using what it held before")
	case err == nil && c.header != before:
		c.log.Info().Msg("the credentials' file has changed and is in use")
	}
	c.broken = err != nil
}

// scrub replaces in a text from outside whatever secret it repeats.
func (c *credentials) scrub(text string) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, secret := range c.secrets {
		// Shorter ones would tear up the text, and tell by that what they are.
		if len(secret) >= 4 {
			text = strings.ReplaceAll(text, secret, "<secret>")
		}
	}
	return text
}
