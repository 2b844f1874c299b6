// Package minihubtest starts a minihub for a test and holds every REST
// request and answer against GitHub's OpenAPI description. Only tests import
// it.
package minihubtest

import (
	"os"
	"path/filepath"
	"testing"
)

// Shared is the folder with GitHub's descriptions and captured payloads: the
// one that LOKTAR_SHARED names, else the folder `shared` beside the
// repository. It is empty when there is none; the caller then skips what
// needs it.
func Shared(t testing.TB) string {
	t.Helper()
	return sharedDir()
}

func sharedDir() string {
	dir := os.Getenv("LOKTAR_SHARED")
	if dir == "" {
		root, err := os.Getwd()
		if err != nil {
			return ""
		}
		for !exists(filepath.Join(root, "go.mod")) {
			up := filepath.Dir(root)
			if up == root {
				return ""
			}
			root = up
		}
		dir = filepath.Join(filepath.Dir(root), "shared")
	}
	if !exists(dir) {
		return ""
	}
	return dir
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
