package blob

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
)

// Signer makes and holds links to objects that end. It may be used
// concurrently.
type Signer struct {
	keys [][]byte
}

// signatureMin is how long a key has to be: as long as what it makes.
const signatureMin = sha256.Size

// NewSigner takes the key that signs and older ones, whose links are good
// until they end. Each has at least 32 bytes; the error is of kind Config.
func NewSigner(key []byte, older ...[]byte) (*Signer, error) {
	s := &Signer{}
	for _, k := range append([][]byte{key}, older...) {
		if len(k) < signatureMin {
			return nil, checks.Errorf(checks.KindConfig, nil, "a key that signs links has %d bytes; it takes %d random ones", len(k), signatureMin)
		}
		s.keys = append(s.keys, append([]byte(nil), k...))
	}
	return s, nil
}

// Grant is what a link lets its reader do: read one object, for a while.
type Grant struct {
	Key  string
	Repo int64 // the id of the repository whose object it is
	// Name is what the file is called where it is saved; what kind of file it
	// is follows from its end. Empty is the end of Key.
	Name    string
	Expires time.Time // in whole seconds
}

// Sign gives the query of a link.
func (s *Signer) Sign(g Grant) url.Values {
	q := url.Values{
		"repo":    {strconv.FormatInt(g.Repo, 10)},
		"expires": {strconv.FormatInt(g.Expires.Unix(), 10)},
		"sig":     {base64.RawURLEncoding.EncodeToString(mac(s.keys[0], g))},
	}
	if g.Name != "" {
		q.Set("name", g.Name)
	}
	return q
}

// verify tells what a query grants, when its signature is one of ours. That
// it has ended is for the caller to see.
func (s *Signer) verify(key string, q url.Values) (g Grant, ok bool) {
	repo, errRepo := strconv.ParseInt(q.Get("repo"), 10, 64)
	at, errAt := strconv.ParseInt(q.Get("expires"), 10, 64)
	sig, errSig := base64.RawURLEncoding.DecodeString(q.Get("sig"))
	if errRepo != nil || errAt != nil || errSig != nil {
		return Grant{}, false
	}
	g = Grant{Key: key, Repo: repo, Name: q.Get("name"), Expires: time.Unix(at, 0)}
	for _, k := range s.keys {
		ok = hmac.Equal(sig, mac(k, g)) || ok
	}
	return g, ok
}

// mac is the HMAC-SHA-256 of what is granted. Numbers come first and have no
// line ends, and the key's length says where it ends, so that no two grants
// are the same text.
func mac(secret []byte, g Grant) []byte {
	h := hmac.New(sha256.New, secret)
	fmt.Fprintf(h, "loktar blob 2\n%d\n%d\n%d\n%s%s", g.Repo, g.Expires.Unix(), len(g.Key), g.Key, g.Name)
	return h.Sum(nil)
}

// Link is the whole of a link: base, under which Handler is reached, the key
// and what Sign gives.
func (s *Signer) Link(base string, g Grant) string {
	u := url.URL{Path: "/" + g.Key}
	return strings.TrimSuffix(base, "/") + u.EscapedPath() + "?" + s.Sign(g).Encode()
}
