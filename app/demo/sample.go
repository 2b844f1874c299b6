package demo

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed all:sample
var sampleFS embed.FS

// sample is the sample monorepo: path in the repository -> content.
func sample() (map[string]string, error) {
	files := map[string]string{}
	err := fs.WalkDir(sampleFS, "sample", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := sampleFS.ReadFile(p)
		files[strings.TrimPrefix(p, "sample/")] = string(b)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the sample monorepo: %w", err)
	}
	return files, nil
}
