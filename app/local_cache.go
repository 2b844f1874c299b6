package app

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"

	"github.com/dudesons/loktar/checks"
)

// localCache is a folder in which is kept what trees and manifests say, by
// git's ids and by the program that read them: so nothing in it is ever out of
// date. It may be absent, damaged or used by several at once; what cannot be
// read is read from git again, and what cannot be written is not kept. The
// zero value keeps nothing.
type localCache struct {
	dir     string
	program string
}

// maxKept bounds the files that are kept, of all repositories together.
const maxKept = 400

func openLocalCache(dir string) localCache {
	if dir == "" {
		return localCache{}
	}
	program := programID()
	if program == "" {
		return localCache{}
	}
	return localCache{filepath.Join(dir, "loktar"), program}
}

// programID tells this build of the program from others, which may read the
// same files otherwise; empty when it cannot be told. The head of the file
// holds Go's own id of the build.
func programID() string {
	name, err := os.Executable()
	if err != nil {
		return ""
	}
	f, err := os.Open(name)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	h := sha256.New()
	if _, err := io.CopyN(h, f, 8<<10); err != nil {
		return ""
	}
	fmt.Fprint(h, info.Size(), info.ModTime().UnixNano())
	return hex.EncodeToString(h.Sum(nil)[:8])
}

func (c localCache) path(kind, id string) string {
	return filepath.Join(c.dir, c.program+"-"+kind+"-"+id)
}

func (c localCache) load(kind, id string) *unpacker {
	if c.dir == "" {
		return nil
	}
	data, err := os.ReadFile(c.path(kind, id))
	if err != nil {
		return nil
	}
	return unpack(data, kind+id)
}

// manifest is what is kept of a loktar.json by its blob id, or nil.
func (c localCache) manifest(blob string) *checks.Manifest {
	u := c.load("manifest", blob)
	if u == nil {
		return nil
	}
	m := u.manifest()
	if u.bad {
		return nil
	}
	return m
}

// side is what is kept of a tree, or nil. Its manifest is partial, or shares
// the packages of near when that has the same loktar.json.
func (c localCache) side(tree string, near *side) *side {
	u := c.load("tree", tree)
	if u == nil {
		return nil
	}
	s := &side{tree: tree, blob: u.text(), linked: true, partial: true}
	edges, unread, links, reads := u.edges(), u.unread(), u.links(), u.texts()
	if u.bad {
		return nil
	}
	if s.manifest = near.packages(s); s.manifest == nil {
		if s.manifest = c.manifest(s.blob); s.manifest == nil {
			return nil
		}
	}
	s.manifest.Edges, s.manifest.Unread, s.links, s.reads = edges, unread, links, reads
	return s
}

// keep keeps a side that has a manifest and whose links are known.
func (c localCache) keep(s *side) {
	if c.dir == "" || s.manifest == nil || !s.linked || os.MkdirAll(c.dir, 0o700) != nil {
		return
	}
	var p packer
	if !s.partial {
		p.manifest(s.manifest)
		c.write("manifest", s.blob, p.pack("manifest"+s.blob))
	}
	p = packer{}
	p.text(s.blob)
	p.edges(s.manifest.Edges)
	p.unread(s.manifest.Unread)
	p.links(s.links)
	p.texts(s.reads)
	c.write("tree", s.tree, p.pack("tree"+s.tree))
	c.prune()
}

// write puts a file in its place whole, or not at all.
func (c localCache) write(kind, id string, data []byte) {
	f, err := os.CreateTemp(c.dir, ".new-")
	if err != nil {
		return
	}
	_, err = f.Write(data)
	if err = cmp.Or(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), c.path(kind, id))
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
}

// prune removes what was written first when there is too much.
func (c localCache) prune() {
	entries, err := os.ReadDir(c.dir)
	if err != nil || len(entries) <= maxKept {
		return
	}
	type kept struct {
		name string
		at   int64
	}
	var files []kept
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			files = append(files, kept{e.Name(), info.ModTime().UnixNano()})
		}
	}
	slices.SortFunc(files, func(a, b kept) int { return cmp.Compare(a.at, b.at) })
	for _, f := range files[:max(len(files)-maxKept/2, 0)] {
		_ = os.Remove(filepath.Join(c.dir, f.name))
	}
}
