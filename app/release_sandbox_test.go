package app_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/dudesons/loktar/runner"
)

// builder is a sandbox in which every test is green, and every release makes
// two files that say the commit's text and are never the same twice.
type builder struct{ at func(step string) }

func (builder) Ready(context.Context) error { return nil }
func (builder) Close() error                { return nil }

func (b builder) Run(ctx context.Context, t runner.Task, _ runner.Output) (runner.Exit, error) {
	if t.Artifacts == nil {
		return runner.Exit{}, nil
	}
	text, err := os.ReadFile(filepath.Join(t.Tree, t.Dir, "text"))
	if err != nil {
		return runner.Exit{}, err
	}
	b.at("building")
	files := built(t.Env["LOKTAR_PACKAGE"], t.Env["LOKTAR_VERSION"], string(text), slices.Contains(t.Artifacts.Globs, "dist/*.whl"))
	for name, content := range files {
		open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
		if err := t.Artifacts.Collect(ctx, name, int64(len(content)), fs.FileMode(0o644), open); err != nil {
			return runner.Exit{}, err
		}
	}
	return runner.Exit{Artifacts: len(files)}, nil
}

// built are a build's files: a wheel and an sdist, or two plain ones.
func built(pkg, version, text string, python bool) map[string][]byte {
	text = fmt.Sprintf("%s\n%s\n", strings.TrimSpace(text), rand.Text())
	if !python {
		return map[string][]byte{"dist/" + pkg + ".jar": []byte(text), "dist/notes.txt": []byte("of " + text)}
	}
	stem := pkg + "-" + version
	metadata := fmt.Sprintf("Metadata-Version: 2.1\nName: %s\nVersion: %s\n", pkg, version)
	var wheel, sdist bytes.Buffer
	z := zip.NewWriter(&wheel)
	for _, f := range [][2]string{{pkg + "/text", text}, {stem + ".dist-info/METADATA", metadata}} {
		w, err := z.Create(f[0])
		if err == nil {
			_, err = io.WriteString(w, f[1])
		}
		if err != nil {
			panic(err) // memory takes all
		}
	}
	packed := gzip.NewWriter(&sdist)
	archive := tar.NewWriter(packed)
	for _, f := range [][2]string{{"PKG-INFO", metadata}, {"text", text}} {
		err := archive.WriteHeader(&tar.Header{Name: path.Join(stem, f[0]), Mode: 0o644, Size: int64(len(f[1]))})
		if err == nil {
			_, err = io.WriteString(archive, f[1])
		}
		if err != nil {
			panic(err)
		}
	}
	for _, w := range []io.Closer{z, archive, packed} {
		if err := w.Close(); err != nil {
			panic(err)
		}
	}
	return map[string][]byte{"dist/" + stem + "-py3-none-any.whl": wheel.Bytes(), "dist/" + stem + ".tar.gz": sdist.Bytes()}
}

// textOf is what the commit said of which a published file was made.
func textOf(name string, content []byte) (string, error) {
	text := content
	switch {
	case strings.HasSuffix(name, ".whl"):
		z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
		if err != nil {
			return "", err
		}
		f, err := z.Open(z.File[0].Name)
		if err != nil {
			return "", err
		}
		if text, err = io.ReadAll(f); err != nil {
			return "", err
		}
	case strings.HasSuffix(name, ".tar.gz"):
		packed, err := gzip.NewReader(bytes.NewReader(content))
		if err != nil {
			return "", err
		}
		archive := tar.NewReader(packed)
		for path.Base(name) != "text" {
			h, err := archive.Next()
			if err != nil {
				return "", err
			}
			name = h.Name
		}
		if text, err = io.ReadAll(archive); err != nil {
			return "", err
		}
	}
	line, _, _ := strings.Cut(string(text), "\n")
	return strings.TrimPrefix(line, "of "), nil
}
