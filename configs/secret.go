package configs

import (
	"fmt"
	"io"
)

const redacted = "[redacted]"

// Secret is a text that no print, log or encoder shows. The zero value is the
// empty secret.
type Secret struct {
	// A pointer: a printer that looks into unexported fields, and so calls no
	// method of theirs, meets an address.
	text *string
}

// NewSecret makes a secret of s.
func NewSecret(s string) Secret { return Secret{&s} }

// Reveal is the text itself.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// String does not show the secret.
func (s Secret) String() string { return redacted }

// Format does not show the secret, whatever the verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText does not show the secret; encoders of JSON, YAML and logs use it.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// MarshalJSON does not show the secret.
func (s Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + redacted + `"`), nil }
