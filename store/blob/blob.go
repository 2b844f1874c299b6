// Package blob keeps files under keys, in a folder or in an S3 bucket, and
// hands them out again: to the server by a reader, to people by signed links.
package blob

import (
	"context"
	"encoding/hex"
	"errors"
	"io"
	"mime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/dudesons/loktar/checks"
)

// Bucket keeps objects under keys. CheckKey says what a key is. A key may not
// be used as the folder of another ("a" beside "a/b"): a bucket may refuse
// the second of the two with checks.KindRefused.
//
// All methods may be called concurrently, also by several processes on the
// same place. Errors have kinds: NotFound where nothing is under a key,
// Refused for what will never succeed, Config for what the operator has to
// mend, Unavailable for what may succeed later. No error holds a secret.
type Bucket interface {
	// Put stores all that r gives under key, whole or not at all, and
	// durably: after it returned nil, the object is there. The reader's own
	// error is in the chain of Put's. Modified may be zero in the answer.
	Put(ctx context.Context, key string, r io.Reader, o PutOptions) (Info, error)
	// Get opens the object, or the part of it that o names. The reader ends
	// with an error when ctx does. A reader of the whole object ends with
	// ErrCorrupt in place of its last bytes when the content is not what was
	// stored. An offset past the end is refused; at the end there is nothing
	// to read.
	Get(ctx context.Context, key string, o GetOptions) (io.ReadCloser, Info, error)
	// Stat tells of the object without its content.
	Stat(ctx context.Context, key string) (Info, error)
	// Delete removes the object; that there is none is no error.
	Delete(ctx context.Context, key string) error
	// List tells of the objects whose keys start with prefix and come after
	// the key after, in bytewise order of keys, at most limit of them (ListMax
	// when limit is 0 or more than that). Fewer than that are all there are.
	// Of each it tells Key, Size and Modified alone.
	List(ctx context.Context, prefix, after string, limit int) ([]Info, error)
}

// ListMax is the most that one List tells of.
const ListMax = 1000

// PutOptions say how an object is stored.
type PutOptions struct {
	ContentType string // application/octet-stream when empty
	// IfAbsent refuses with ErrExists when there is something under the key.
	// Of several at once exactly one succeeds.
	IfAbsent bool
	// SHA256, when set, is what the content must have; else nothing is stored
	// and the error is ErrMismatch.
	SHA256 Digest
}

// GetOptions name a part of an object. The zero value is all of it.
type GetOptions struct {
	Offset int64
	Length int64 // 0: to the end; more than there is ends at the end
}

// Info tells of an object.
type Info struct {
	Key         string
	Size        int64
	SHA256      Digest // empty when it is not known: the object was not stored by a Bucket
	ContentType string
	Modified    time.Time
	// ETag changes with the content: the store's own word, without quotes.
	ETag string
}

// The errors beside those that only have a kind; look for them with errors.Is.
var (
	// ErrExists: there is something under the key. Its kind is Refused.
	ErrExists = errors.New("there is an object under this key")
	// ErrMismatch: what was read has another SHA-256 than it should. Refused.
	ErrMismatch = errors.New("the content has another SHA-256 than announced")
	// ErrCorrupt: the store does not hold what was put. Internal.
	ErrCorrupt = errors.New("the stored content is damaged")
	// ErrTooLarge: there is more to read than the limit allows. Refused.
	ErrTooLarge = errors.New("the content is larger than the limit")
)

// Digest is a SHA-256 in 64 lowercase hexadecimal digits; empty is none.
type Digest string

// ParseDigest reads a digest, with or without "sha256:" before it. The error
// is Refused.
func ParseDigest(s string) (Digest, error) {
	d := Digest(strings.TrimPrefix(s, "sha256:"))
	if d.valid() {
		return d, nil
	}
	return "", checks.Errorf(checks.KindRefused, nil, "%.80q is no SHA-256: it takes 64 lowercase hexadecimal digits", s)
}

func (d Digest) valid() bool {
	b, err := hex.DecodeString(string(d))
	return err == nil && len(b) == 32 && strings.ToLower(string(d)) == string(d)
}

// The bounds of keys.
const (
	keyMax     = 900 // S3 allows 1,024 with the bucket's own prefix
	elementMax = 255 // of a file name
)

// CheckKey refuses what is no key: one to 900 bytes of UTF-8, in elements
// that slashes separate, each of 1 to 255 bytes, none of them "." or "..",
// without control characters and backslashes.
func CheckKey(key string) error {
	what := ""
	switch {
	case key == "":
		what = "it is empty"
	case len(key) > keyMax:
		what = "it has more than 900 bytes"
	default:
		what = badText(key)
	}
	for e := range strings.SplitSeq(key, "/") {
		switch {
		case what != "":
		case e == "" || e == "." || e == "..":
			what = `it has an element that is empty, "." or ".."`
		case len(e) > elementMax:
			what = "it has an element of more than 255 bytes"
		}
	}
	if what == "" {
		return nil
	}
	return checks.Errorf(checks.KindRefused, nil, "%.80q is no key of an object: %s", key, what)
}

func badText(s string) string {
	switch {
	case !utf8.ValidString(s):
		return "it is not UTF-8"
	case strings.ContainsFunc(s, unicode.IsControl):
		return "it has control characters"
	case strings.Contains(s, `\`):
		return "it has a backslash"
	}
	return ""
}

// check refuses a Put that can never succeed and fills in defaults.
func (o *PutOptions) check(key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	if o.SHA256 != "" && !o.SHA256.valid() {
		return checks.Errorf(checks.KindRefused, nil, "%.80q is no SHA-256", string(o.SHA256))
	}
	if o.ContentType == "" {
		o.ContentType = "application/octet-stream"
	}
	if _, _, err := mime.ParseMediaType(o.ContentType); err != nil || len(o.ContentType) > 255 || !printable(o.ContentType) {
		return checks.Errorf(checks.KindRefused, nil, "%.80q is no content type", o.ContentType)
	}
	return nil
}

func printable(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// span is the part of size bytes that o names.
func (o GetOptions) span(key string, size int64) (offset, length int64, err error) {
	if o.Offset < 0 || o.Length < 0 || o.Offset > size {
		return 0, 0, checks.Errorf(checks.KindRefused, nil, "bytes %d+%d of %q are outside of its %d bytes", o.Offset, o.Length, key, size)
	}
	left := size - o.Offset
	if o.Length > 0 {
		left = min(left, o.Length)
	}
	return o.Offset, left, nil
}

// checkList refuses hostile arguments of List and gives the limit that counts.
func checkList(prefix, after string, limit int) (int, error) {
	for _, s := range []string{prefix, after} {
		if what := badText(s); what != "" || len(s) > keyMax {
			return 0, checks.Errorf(checks.KindRefused, nil, "%.80q is no start of a key %s", s, what)
		}
	}
	if limit <= 0 || limit > ListMax {
		limit = ListMax
	}
	return limit, nil
}

func notFound(key string, err error) error {
	return checks.Errorf(checks.KindNotFound, err, "there is no object %q", key)
}

func refused(key string, err error) error {
	return checks.Errorf(checks.KindRefused, err, "object %q is not stored", key)
}
