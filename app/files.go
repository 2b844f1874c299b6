package app

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
)

// linkTime is how long a link to a file is good. Who opens the job's page has
// a new one.
const linkTime = time.Hour

// files hands out what tests left, by links that end.
type files struct {
	signer *blob.Signer
	bucket blob.Bucket
	log    zerolog.Logger
}

func openFiles(dataDir string, b blob.Bucket, log zerolog.Logger) (*files, error) {
	key, err := signingKey(filepath.Join(dataDir, "files.key"))
	if err != nil {
		return nil, err
	}
	signer, err := blob.NewSigner(key)
	return &files{signer, b, log.With().Str("part", "files").Logger()}, err
}

// handler is to be mounted at /files/.
func (f *files) handler() http.Handler {
	serve := blob.Handler(blob.ProxyOptions{Bucket: f.bucket, Signer: f.signer, Prefix: folderOf, MaxAge: linkTime})
	return http.StripPrefix("/files", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		serve.ServeHTTP(w, r.WithContext(f.log.WithContext(r.Context())))
	}))
}

// link is the way from the start page to the content of a file.
func (f *files) link(repo int64, a checks.Artifact) string {
	i, err := itemOfSum(repo, a.SHA256)
	if err != nil || repo == 0 {
		return ""
	}
	return f.signer.Link("files", blob.Grant{Key: i.key(), Repo: repo, Name: a.Name, Expires: time.Now().Add(linkTime)})
}

// keySize is that of HMAC-SHA-256.
const keySize = 32

// signingKey is the key in a file, which is made when it is not there. Only
// one process has the server's folder.
func signingKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return newKey(path)
	}
	if err != nil {
		return nil, checks.Errorf(checks.KindConfig, err, "the file %s cannot be read; let the server's user read it", path)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keySize {
		return nil, checks.Errorf(checks.KindConfig, nil, "the file %s, which signs links, is damaged; remove it: a new one is made, and links that were given out end", path)
	}
	return key, nil
}

func newKey(path string) (key []byte, err error) {
	defer func() {
		if err != nil {
			err = checks.Errorf(checks.KindConfig, fmt.Errorf("make the key that signs links: %w", err), "the file %s cannot be written; let the server's user write it", path)
		}
	}()
	key = make([]byte, keySize)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	tmp := path + ".tmp"
	f, err := os.OpenFile(tmp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, err
	}
	_, err = f.WriteString(hex.EncodeToString(key) + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	if err := os.Rename(tmp, path); err != nil {
		return nil, err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return nil, err
	}
	return key, errors.Join(dir.Sync(), dir.Close())
}
