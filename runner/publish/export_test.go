package publish

import (
	"net/url"
	"os"
	"strings"
)

// Blake2b is the digest of data, fed in pieces.
func Blake2b(data []byte) []byte {
	b := newBlake2b()
	for len(data) > 50 {
		_, _ = b.Write(data[:50])
		data = data[50:]
	}
	_, _ = b.Write(data)
	return b.sum()
}

// The parsers of hostile input, for fuzzing.
var (
	NormalVersion = normalVersion
	SameVersion   = sameVersion
	FileVersion   = fileVersion
	CleanName     = cleanName
	EscapeBranch  = escapeBranch
	PackContext   = packContext
	OpenRoot      = os.OpenRoot
	Fields        = fields
)

// ParseMetadata tells the value of a header.
func ParseMetadata(data []byte, name string) (string, error) {
	m, err := parseMetadata(data)
	return m.get(name), err
}

// ParseIndex tells how many files a page names, and whether all URLs are of HTTP.
func ParseIndex(kind string, data []byte, at *url.URL) (n int, sound bool, err error) {
	files, err := parseIndex(kind, data, at)
	for _, f := range files {
		u, bad := url.Parse(f.url)
		if bad != nil || u.Scheme != "http" && u.Scheme != "https" || f.sha256 != "" && !isHex(f.sha256, 64) {
			return len(files), false, err
		}
	}
	return len(files), true, err
}

// Ignored reports whether a .dockerignore ignores a path.
func Ignored(rules, name string) (bool, error) {
	parsed, err := parseIgnore(strings.NewReader(rules))
	return ignored(parsed, name), err
}

// KeptName is the name that the engine keeps a release's image under.
var KeptName = keptName
