package configs

import (
	"errors"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/dudesons/loktar/configs/internal/value"
)

// registryKey is one key of a registry or of the storage.
type registryKey struct {
	name  string
	types []string // of registries that have it; nil is all
	// remedy says what to write where the key is missing; "" where it need not
	// be there.
	remedy string
	set    func(l *loader, r *Registry, v string) error
	// list is where the elements of a key go that is a list; check is for one
	// of them.
	list  func(r *Registry) *[]string
	check func(v string) error
	// hidden reports whether a value may be a secret in the wrong place.
	hidden func(v string) bool
}

var (
	addressed = []string{RegistryOCI, RegistryPyPI, RegistryPull}
	published = publishTypes
	onlyS3    = []string{RegistryS3}
	onlyFile  = []string{RegistryFile}
)

// registryKeys are all keys of a registry, in the order of the example file.
// The storage has those up to, and without, repositories.
var registryKeys = []registryKey{
	{name: "type", remedy: "write one of " + strings.Join(registryTypes, ", "), set: func(*loader, *Registry, string) error { return nil }},
	{name: "url", types: addressed, remedy: "write the address, for example https://registry.example.com", set: setRegistryURL,
		hidden: func(v string) bool { return strings.Contains(v, "@") }},
	{name: "username", types: addressed, set: setUser},
	{name: "password_file", types: addressed, set: setSecretFile, hidden: notAPath},
	{name: "password_env", types: addressed, set: setSecretEnv, hidden: notAVariable},
	{name: "path", types: onlyFile, remedy: "write the path of a folder, for example /var/lib/loktar/published", set: setPath},
	{name: "endpoint", types: onlyS3, set: setEndpoint, hidden: func(v string) bool { return strings.Contains(v, "@") }},
	{name: "region", types: onlyS3, set: setRegion},
	{name: "bucket", types: onlyS3, remedy: "write the bucket's name", set: setBucket},
	{name: "prefix", types: onlyS3, set: setPrefix},
	{name: "path_style", types: onlyS3, set: yesOrNo(func(r *Registry) *bool { return &r.S3.PathStyle })},
	{name: "sse", types: onlyS3, set: setSSE},
	{name: "kms_key_id", types: onlyS3, set: setKMSKey},
	{name: "plain", types: onlyS3, set: yesOrNo(func(r *Registry) *bool { return &r.S3.Plain })},
	{name: "access_key", types: onlyS3, set: setUser},
	{name: "secret_key_file", types: onlyS3, set: setSecretFile, hidden: notAPath},
	{name: "secret_key_env", types: onlyS3, set: setSecretEnv, hidden: notAVariable},
	{name: repositories, types: published, remedy: "list who may publish there, for example [acme/pets, \"acme/*\"]",
		list: func(r *Registry) *[]string { return &r.Repositories }, check: checkMember},
	{name: "packages", types: published, list: func(r *Registry) *[]string { return &r.Packages }, check: checkPattern},
}

// storageKeys are those of the storage.
var storageKeys = slices.DeleteFunc(slices.Clone(registryKeys), func(k registryKey) bool {
	return k.list != nil || slices.Equal(k.types, addressed)
})

// of reports whether a registry of that type has the key.
func (k registryKey) of(kind string) bool { return k.types == nil || slices.Contains(k.types, kind) }

func registryKeyNames(all []registryKey, kind string) []string {
	var out []string
	for _, k := range all {
		if kind == "" || k.of(kind) {
			out = append(out, k.name)
		}
	}
	return out
}

func setRegistryURL(_ *loader, r *Registry, v string) error {
	s, err := webURL(v, "https://registry.example.com")
	if err != nil {
		return err
	}
	if r.Type == RegistryOCI && value.Image(scheme.ReplaceAllString(s, "")+"/x") != nil {
		return errors.New("has a path that no image can have; write the host, and after it small letters, digits and `/`")
	}
	if r.Type == RegistryPull && strings.Count(s, "/") > 2 {
		return errors.New("has a path, and credentials count for a whole registry; write its address alone, for example https://registry.example.com")
	}
	if r.Type == RegistryPyPI && strings.HasSuffix(v, "/") {
		s += "/" // PyPI redirects what lacks it, and an upload is not sent again
	}
	r.URL = s
	return nil
}

func setUser(_ *loader, r *Registry, v string) error {
	if v == "" || strings.ContainsFunc(v, unicode.IsControl) || r.Type != RegistryS3 && strings.Contains(v, ":") {
		return errors.New("is empty, or has a `:` or a control character, which basic authentication cannot send; write the name alone")
	}
	r.secret.user = v
	return nil
}

// ownFolders are those of data_dir that are not for others. What tests left
// must not be where something is published.
var ownFolders = []string{"artifacts", "built", "caches", "git", "logs", "work"}

func setPath(l *loader, r *Registry, v string) error {
	abs, err := filepath.Abs(v)
	if err != nil || v == "" || strings.ContainsFunc(abs, unicode.IsControl) {
		return errors.New("is not the path of a folder; write for example /var/lib/loktar/published")
	}
	data := l.dataDir
	remedy := "where the server keeps other things; write a folder of its own, for example " + filepath.Join(data, "published")
	if abs == "/" || data != "" && (abs == data || strings.HasPrefix(data, abs+"/")) {
		return errors.New("is data_dir or has it inside, " + remedy)
	}
	if rest, ok := strings.CutPrefix(abs, data+"/"); ok && data != "" {
		if first, _, _ := strings.Cut(rest, "/"); slices.Contains(ownFolders, first) {
			return errors.New("lies in a folder of data_dir " + remedy)
		}
	}
	r.Path = abs
	return nil
}

func setEndpoint(_ *loader, r *Registry, v string) error {
	var err error
	r.S3.Endpoint, err = webURL(v, "https://s3.example.com")
	return err
}

var (
	regionName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[a-z0-9][a-z0-9-]{0,62}$`) })
	// bucketName is what servers of S3 allow, with what old buckets have:
	// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
	bucketName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]$`) })
)

func setRegion(_ *loader, r *Registry, v string) error {
	if !regionName().MatchString(v) {
		return errors.New("is not a region; write for example us-east-1")
	}
	r.S3.Region = v
	return nil
}

func setBucket(_ *loader, r *Registry, v string) error {
	if !bucketName().MatchString(v) {
		return errors.New("is not the name of a bucket; write it alone, and what stands before all keys as `prefix`")
	}
	r.S3.Bucket = v
	return nil
}

// maxPrefix leaves the keys of artifacts their room, in bytes.
const maxPrefix = 100

func setPrefix(_ *loader, r *Registry, v string) error {
	v = strings.Trim(v, "/")
	bad := len(v) > maxPrefix || !utf8.ValidString(v) || strings.Contains(v, `\`) || strings.ContainsFunc(v, unicode.IsControl)
	for e := range strings.SplitSeq(v, "/") {
		bad = bad || v != "" && (e == "" || e == "." || e == "..")
	}
	if bad {
		return errors.New("cannot stand before keys: it takes at most 100 bytes, in names with one `/` between them; write for example ci/artifacts")
	}
	r.S3.Prefix = v
	return nil
}

func setSSE(_ *loader, r *Registry, v string) error {
	words := []string{"AES256", "aws:kms"}
	if !slices.Contains(words, v) {
		return unknownWord("an encryption", v, words)
	}
	r.S3.SSE = v
	return nil
}

func setKMSKey(_ *loader, r *Registry, v string) error {
	if v == "" || strings.ContainsFunc(v, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }) {
		return errors.New("is not the id of a key; write its id or ARN")
	}
	r.S3.KMSKeyID = v
	return nil
}

func yesOrNo(of func(*Registry) *bool) func(*loader, *Registry, string) error {
	return func(_ *loader, r *Registry, v string) (err error) {
		if v != "true" && v != "false" {
			return errors.New("is neither of the two words; write true or false")
		}
		*of(r), err = strconv.ParseBool(v)
		return err
	}
}

func checkMember(v string) error {
	if strings.Trim(v, "*/") == "" {
		return errors.New("names no owner; write OWNER/NAME or OWNER/*: not everybody may publish")
	}
	return checkRepository(v)
}

var patternCharacters = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`^[A-Za-z0-9._*-]{1,100}$`) })

func checkPattern(v string) error {
	switch {
	case !patternCharacters().MatchString(v):
		return errors.New("is not the name of a package; write the name, with `*` for any characters, for example web-*")
	case strings.Contains(v, "**"):
		return errors.New("has `**`, which is no more than `*`; did you mean `" + stars.ReplaceAllString(v, "*") + "`?")
	}
	return nil
}
