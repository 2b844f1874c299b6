package app_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/dudesons/loktar/runner/publish/publishtest"
	"github.com/dudesons/loktar/store/blob/blobtest"
)

const registryPassword = "a registry's password"

// place is a registry of the tests, and what the configuration and a package
// say of it.
type place struct {
	kind     string
	pkgType  string
	info     string // the package's build_info
	target   string // its URL; empty where it has none
	secret   string // what opens it
	dir      string // its folder; empty where it is a server
	settings func(url, secretFile string) string
	files    func(t testing.TB) map[string]map[string][]byte // PACKAGE VERSION -> file -> content
}

var places = map[string]func(t testing.TB) place{"file": filePlace, "s3": s3Place, "pypi": pypiPlace}

func filePlace(t testing.TB) place {
	dir := filepath.Join(t.TempDir(), "archives")
	return place{
		dir: dir, kind: "file", pkgType: "file", info: `{"storage_type": "file"}`,
		settings: func(string, string) string { return "type: file, path: " + dir },
		files:    func(t testing.TB) map[string]map[string][]byte { return stored(t, filepath.Join(dir, "files", "prod")) },
	}
}

func s3Place(t testing.TB) place {
	server := blobtest.StartS3(t)
	server.MakeBucket(t, "artifacts")
	return place{
		secret: server.Secret, kind: "s3", pkgType: "jar", info: `{"storage_type": "s3"}`, target: server.Endpoint,
		settings: func(url, key string) string {
			return fmt.Sprintf("type: s3, endpoint: %q, bucket: artifacts, path_style: true, access_key: %s, secret_key_file: %s", url, server.Access, key)
		},
		files: func(t testing.TB) map[string]map[string][]byte {
			return stored(t, filepath.Join(server.Folder, "artifacts", "jars", "prod"))
		},
	}
}

func pypiPlace(t testing.TB) place {
	index := publishtest.StartPyPI(t, publishtest.Ways{Username: "ci", Password: registryPassword})
	return place{
		secret: registryPassword, kind: "pypi", pkgType: "whl", info: `{"registry_type": "pypi"}`, target: strings.TrimSuffix(index.URL, "/simple/"),
		settings: func(url, key string) string {
			return fmt.Sprintf("type: pypi, url: %q, username: ci, password_file: %s", url+"/simple/", key)
		},
		files: func(t testing.TB) map[string]map[string][]byte {
			out := map[string]map[string][]byte{}
			for _, f := range index.Files() {
				pkg, version := f.Form["name"][0], f.Form["version"][0]
				add(t, out, pkg+" "+version, f.Name, f.Content)
			}
			return out
		},
	}
}

func secretFile(t testing.TB, text string) string {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte(text+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func add(t testing.TB, all map[string]map[string][]byte, of, name string, content []byte) {
	if all[of] == nil {
		all[of] = map[string][]byte{}
	}
	if all[of][name] != nil {
		t.Errorf("%s has %s twice", of, name)
	}
	all[of][name] = content
}

// stored reads PACKAGE/VERSION/FILE below a folder.
func stored(t testing.TB, root string) map[string]map[string][]byte {
	out := map[string]map[string][]byte{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) && path == root {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		part := strings.SplitN(filepath.ToSlash(rel), "/", 3)
		content, err := os.ReadFile(path)
		if err == nil && part[2] != ".loktar.json" {
			add(t, out, part[0]+" "+part[1], part[2], content)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
