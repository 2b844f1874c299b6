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

// Sign gives the query of a link to the object key of the repository with the
// id repo, good until expires, in whole seconds.
func (s *Signer) Sign(key string, repo int64, expires time.Time) url.Values {
	at := expires.Unix()
	return url.Values{
		"repo":    {strconv.FormatInt(repo, 10)},
		"expires": {strconv.FormatInt(at, 10)},
		"sig":     {base64.RawURLEncoding.EncodeToString(mac(s.keys[0], key, repo, at))},
	}
}

// verify tells what a query grants, when its signature is one of ours. That
// it has ended is for the caller to see.
func (s *Signer) verify(key string, q url.Values) (repo int64, expires time.Time, ok bool) {
	repo, errRepo := strconv.ParseInt(q.Get("repo"), 10, 64)
	at, errAt := strconv.ParseInt(q.Get("expires"), 10, 64)
	sig, errSig := base64.RawURLEncoding.DecodeString(q.Get("sig"))
	if errRepo != nil || errAt != nil || errSig != nil {
		return 0, time.Time{}, false
	}
	for _, k := range s.keys {
		ok = hmac.Equal(sig, mac(k, key, repo, at)) || ok
	}
	return repo, time.Unix(at, 0), ok
}

// mac is the HMAC-SHA-256 of what is granted. Numbers come first and have no
// line ends, so that no two grants are the same text.
func mac(secret []byte, key string, repo, expires int64) []byte {
	h := hmac.New(sha256.New, secret)
	fmt.Fprintf(h, "loktar blob 1\n%d\n%d\n%s", repo, expires, key)
	return h.Sum(nil)
}

// Link is the whole of a link: base, under which Handler is reached, the key
// and what Sign gives.
func (s *Signer) Link(base, key string, repo int64, expires time.Time) string {
	u := url.URL{Path: "/" + key}
	return strings.TrimSuffix(base, "/") + u.EscapedPath() + "?" + s.Sign(key, repo, expires).Encode()
}
