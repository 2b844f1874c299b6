package publish

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"log/slog"
	"net/url"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// Credential is a name and a password for a registry. It does not print.
type Credential struct {
	Username string
	Password string
}

const masked = "[masked]"

func (c Credential) String() string { return masked }

// GoString keeps the secret out of %#v.
func (c Credential) GoString() string { return masked }

// LogValue keeps the secret out of logs.
func (c Credential) LogValue() slog.Value { return slog.StringValue(masked) }

// MarshalJSON keeps the secret out of what is written as JSON.
func (c Credential) MarshalJSON() ([]byte, error) { return json.Marshal(masked) }

func (c Credential) empty() bool { return c.Username == "" && c.Password == "" }

// Credentials give the credential for a registry, named by host or host:port
// in lower case ("quay.io", "127.0.0.1:5000"; docker.io for Docker Hub). They
// are asked at each use, so that what they give can change while the server
// runs. The zero Credential means that there is none: the registry is used
// without.
type Credentials func(ctx context.Context, registry string) (Credential, error)

func (c Credentials) of(ctx context.Context, registry string) (Credential, error) {
	if c == nil {
		return Credential{}, nil
	}
	cred, err := c(ctx, strings.ToLower(registry))
	if err != nil {
		// Whoever reads secrets may put them into errors: only the kind goes on.
		kind := checks.KindOf(err)
		if kind == checks.KindInternal {
			kind = checks.KindConfig
		}
		return Credential{}, checks.Errorf(kind, nil, "The credentials for %s cannot be read. Check them in the server's configuration.", registry)
	}
	return cred, nil
}

// hide takes the secret out of a text, in the forms that it travels in.
func (c Credential) hide(text string) string {
	if c.Password == "" {
		return text
	}
	for _, secret := range []string{
		base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + c.Password)),
		c.Password,
		url.QueryEscape(c.Password),
		url.PathEscape(c.Password),
	} {
		text = strings.ReplaceAll(text, secret, masked)
	}
	return text
}

// hideError is err with the secret taken out of its words. The chain is kept
// only where no word had to be hidden.
func (c Credential) hideError(err error) error {
	if err == nil {
		return nil
	}
	if text := err.Error(); c.hide(text) != text {
		return &hidden{c.hide(text)}
	}
	return err
}

type hidden struct{ text string }

func (h *hidden) Error() string { return h.text }
