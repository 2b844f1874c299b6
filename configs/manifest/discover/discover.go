// Package discover finds the packages of a repository that has no loktar.json
// yet, by the files that builds are made of, and writes one.
package discover

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// The bounds of what is looked at.
const (
	maxFolders = 200_000
	maxFile    = 1 << 20 // bytes of one file; of a longer one the start counts
)

// Package is a package that was found.
type Package struct {
	Dir      string // from the root; "." is the root
	Name     string // valid and unique
	PkgType  string
	Type     string
	TestType string
	Commands []string // for TestType command
}

// skipped are the folders, beside those whose name starts with a dot, that
// hold what others wrote or what a build made.
var skipped = []string{
	"node_modules", "bower_components", "vendor", "target", "build", "dist", "out", "testdata",
	"__pycache__", "site-packages", "venv", "virtualenv",
}

// ErrTooMany says that there are more folders than are looked at.
var ErrTooMany = errors.New("the repository has too many folders to look through")

// Find lists the packages below the root of a tree of files, by folder. root is
// what the root folder itself is called, should it be a package: it is one only
// where no folder below it is. No link is followed, and no submodule or other
// repository inside is looked into. The error is ErrTooMany or
// that of reading a folder.
func Find(tree fs.FS, root string) ([]Package, error) {
	var found []folder
	folders := 0
	err := fs.WalkDir(tree, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return fmt.Errorf("look through the repository: %w", err)
		}
		if !d.IsDir() {
			return nil
		}
		if p != "." && (strings.HasPrefix(d.Name(), ".") || slices.Contains(skipped, d.Name()) || !usable(p)) {
			return fs.SkipDir
		}
		if folders++; folders > maxFolders {
			return ErrTooMany
		}
		f, err := look(tree, p)
		if err != nil {
			return err
		}
		if f.egg() || f.repo && p != "." {
			return fs.SkipDir
		}
		if len(f.has) > 0 {
			found = append(found, f)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return packages(choose(found), root), nil
}

// usable reports whether a path can be a pkg_dir.
func usable(p string) bool {
	return !strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r >= 0x80 && r < 0xa0 }) && strings.ToValidUTF8(p, "") == p
}

// choose leaves away the folders that are part of others, and the root when
// there are others.
func choose(found []folder) []folder {
	var out []folder
	for _, f := range found {
		part := f.only("Dockerfile") && slices.ContainsFunc(out, func(o folder) bool { return o.dir != "." && strings.HasPrefix(f.dir, o.dir+"/") })
		if f.isPackage() && !part {
			out = append(out, f)
		}
	}
	if len(out) > 1 && out[0].dir == "." {
		out = out[1:]
	}
	return out
}

// folder is a folder and the files in it that tell of a package.
type folder struct {
	dir  string
	has  map[string]string // the text of each, by its canonical name
	lock []string          // which lock files of npm and its like are there
	test bool              // it has a folder of tests
	repo bool              // it is a repository of its own, or a submodule
}

var telling = map[string]string{
	"GNUmakefile": "Makefile", "makefile": "Makefile", "Makefile": "Makefile", "Dockerfile": "Dockerfile",
	"setup.py": "setup.py", "pyproject.toml": "pyproject.toml", "go.mod": "go.mod", "package.json": "package.json",
	"Cargo.toml": "Cargo.toml", "pom.xml": "pom.xml", "PKG-INFO": "PKG-INFO",
}

func look(tree fs.FS, dir string) (folder, error) {
	f := folder{dir: dir, has: map[string]string{}}
	entries, err := fs.ReadDir(tree, dir)
	if err != nil {
		return f, fmt.Errorf("look through the repository: %w", err)
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == ".git":
			f.repo = true
		case e.IsDir():
			f.test = f.test || name == "tests" || name == "test"
		case !e.Type().IsRegular():
		case name == "yarn.lock", name == "pnpm-lock.yaml", name == "package-lock.json":
			f.lock = append(f.lock, name)
		case telling[name] != "":
			if _, first := f.has[telling[name]]; first {
				continue
			}
			if f.has[telling[name]], err = head(tree, path.Join(dir, name)); err != nil {
				return f, err
			}
		}
	}
	return f, nil
}

func head(tree fs.FS, name string) (string, error) {
	file, err := tree.Open(name)
	if errors.Is(err, fs.ErrPermission) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("look through the repository: %w", err)
	}
	defer file.Close()
	b, err := io.ReadAll(io.LimitReader(file, maxFile))
	if err != nil {
		return "", fmt.Errorf("look through the repository: %w", err)
	}
	return string(b), nil
}

// egg reports whether the folder is an unpacked source archive.
func (f folder) egg() bool { _, ok := f.has["PKG-INFO"]; return ok }

func (f folder) is(name string) bool { _, ok := f.has[name]; return ok }

// only reports whether nothing else tells of a package.
func (f folder) only(name string) bool { return f.is(name) && len(f.has) == 1 }
