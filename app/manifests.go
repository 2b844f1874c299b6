package app

import (
	"slices"
	"sync"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/manifest"
	"github.com/dudesons/loktar/runner/source"
)

// maxManifests bounds how many parsed manifests are kept. One of 5,000
// packages takes a few megabytes.
const maxManifests = 32

// manifests keeps parsed files by their blob id: most changes do not touch
// loktar.json. The zero value is ready; it is safe for concurrent use.
type manifests struct {
	mu   sync.Mutex
	kept []parsed // the one used last comes first
}

type parsed struct {
	blob     string
	manifest *checks.Manifest
	problems []checks.Problem
}

// parse gives the manifest or what is wrong with it. The manifest is the
// caller's own, but shares Packages with every other of that blob. dirs, when
// not nil, are the folders that packages must have; see Dirs.Err.
func (c *manifests) parse(blob string, data []byte, dirs *source.Dirs) (*checks.Manifest, []checks.Problem) {
	p := c.find(blob)
	if p == nil {
		m, problems := manifest.Parse(data, manifest.Options{})
		p = &parsed{blob, m, problems}
		c.keep(*p)
	}
	missing := func(p checks.Package) bool { return !dirs.Exists(p.Dir) }
	if dirs != nil && (p.manifest == nil || slices.ContainsFunc(p.manifest.Packages, missing)) {
		// Once more, for all that is wrong at once and each at its place.
		return manifest.Parse(data, manifest.Options{DirExists: dirs.Exists, Dirs: func() []string { return folders(dirs) }})
	}
	if p.manifest == nil {
		return nil, p.problems
	}
	own := *p.manifest
	return &own, nil
}

func (c *manifests) find(blob string) *parsed {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.kept, func(p parsed) bool { return p.blob == blob })
	if i < 0 {
		return nil
	}
	p := c.kept[i]
	c.kept = slices.Insert(slices.Delete(c.kept, i, i+1), 0, p)
	return &p
}

func (c *manifests) keep(p parsed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept = slices.Insert(c.kept, 0, p)
	if len(c.kept) > maxManifests {
		c.kept = slices.Delete(c.kept, maxManifests, len(c.kept))
	}
}

// maxFolders bounds how many folders are looked through for one that a
// mistyped pkg_dir may have meant.
const maxFolders = 10_000

// folders are the folders of a tree, those near the root first.
func folders(dirs *source.Dirs) []string {
	all := dirs.Siblings("x")
	for i := 0; i < len(all) && len(all) < maxFolders; i++ {
		for _, name := range dirs.Siblings(all[i] + "/x") {
			all = append(all, all[i]+"/"+name)
		}
	}
	return all
}
