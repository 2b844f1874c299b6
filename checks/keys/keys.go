// Package keys says what a package is made of, in one word: its key. Two
// commits at which a package has the same key would build the same. It is
// pure: what it needs of git is given to it, and it reads no file, for git
// has hashed the contents already.
package keys

import (
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/dudesons/loktar/checks"
)

// Options are what counts beside the manifest and the tree.
type Options struct {
	// Links are all symbolic links of the tree that lead somewhere in the
	// repository, as in checks.Change.
	Links []checks.Link
	// Everything has all that is in the tree count for all packages, as where
	// the links are not known.
	Everything bool
	// Image gives the digest of the image that a package is built in, empty
	// when it is not known. Nil: no digest counts, only the reference that
	// the manifest names.
	Image func(pkg string) string
	// All are words that count for all packages, in their order.
	All []string
}

// Of gives the key of each package that m lists, by name: a SHA-256 in
// hexadecimal digits. It is the hash of
//
//   - its own files: those in its folder but for the folders of packages
//     inside it, for what m ignores and for loktar.json,
//   - the files that its inputs and global_inputs match, also ignored ones,
//   - the files .gitattributes in the folders around its own, by which git
//     writes its files to disk,
//   - what the symbolic links among all these lead to,
//   - the files that it reads and nobody owns, as m.Edges tell,
//   - what of its entry changes what is built or how; see the table fields,
//   - what Options say,
//   - the keys of the packages that it depends on, declared or inferred.
//
// So it agrees with graph.Affected: a difference between two trees, with m
// the same, that does not affect a package leaves its key as it is, and any
// other changes it. Three things are apart. A package of which a file could
// not be read for dependencies may need anything: its key covers the whole
// tree, as all keys do when a glob of global_inputs cannot be read.
// ExcludeKeywords hold back what is affected, and no key: dependents of what
// changed get new ones. And another list of what is ignored affects nothing,
// but may give new keys to packages in whose folders its globs may match.
//
// Packages that depend on each other in a circle share their own hashes: what
// changes one changes the keys of all of them.
//
// What the key cannot know is what steps read elsewhere: the network, the
// values of secrets, the history of a package with Git. Attributes in a folder
// that only inputs or links lead to count where these lead to them too.
//
// Of reads the entry of each package's folder, and the folders between a
// package and those nested in it. It lists all files only when a glob of
// inputs or global_inputs is more than a path, or excludes, or when one of
// ignore may match inside of a package or of what a link leads to. The
// errors are t's, and those of a manifest that is not valid. It may be called
// concurrently with different trees.
func Of(m *checks.Manifest, t Tree, o Options) (map[string]string, error) {
	keys, err := of(m, t, o)
	if err != nil {
		return nil, fmt.Errorf("make the packages' keys: %w", err)
	}
	return keys, nil
}

// work is the making of one tree's keys.
type work struct {
	manifest *checks.Manifest
	packages []checks.Package
	tree     Tree
	options  Options

	owners owners
	ignore *ignored
	units  *units
	reads  [][]*unit // by package: its inputs
	global []*unit
	links  *links
	// sifted are the packages' own files where some may be ignored, else nil.
	sifted []hash.Hash
	// needs are the packages that each depends on, unread those of which a
	// file could not be read, files what each reads and nobody owns.
	needs  [][]int32
	unread []bool
	apart  [][]string
	// everything: all that is in the tree counts for all.
	everything bool
}

func of(m *checks.Manifest, t Tree, o Options) (map[string]string, error) {
	w, err := begin(m, t, o)
	if err != nil {
		return nil, err
	}
	w.sifted = make([]hash.Hash, len(w.packages))
	for i := range w.packages {
		if w.ignore.within(w.packages[i].Dir) {
			w.sifted[i] = newStream("own files")
		}
	}
	if err := w.files(); err != nil {
		return nil, err
	}
	if err := w.closeLinks(); err != nil {
		return nil, err
	}
	own, err := w.parts()
	if err != nil {
		return nil, err
	}
	keys := make(map[string]string, len(w.packages))
	for i, d := range reach(own, func(i int32) []int32 { return w.needs[i] }) {
		keys[w.packages[i].Name] = hex.EncodeToString(d[:])
	}
	return keys, nil
}

// begin finds out what counts for which package, before any of it is read.
func begin(m *checks.Manifest, t Tree, o Options) (*work, error) {
	w := &work{manifest: m, packages: m.Packages, tree: t, options: o, owners: newOwners(m.Packages), ignore: newIgnored(m.Ignore)}
	if err := w.connect(); err != nil {
		return nil, err
	}
	if err := w.inputs(); err != nil {
		return nil, err
	}
	w.everything = w.everything || o.Everything
	return w, w.follow(o.Links)
}

// connect reads what packages need.
func (w *work) connect() error {
	n := len(w.packages)
	byName := make(map[string]int32, n)
	for i := range w.packages {
		if _, twice := byName[w.packages[i].Name]; twice {
			return fmt.Errorf("two packages are named %q", w.packages[i].Name)
		}
		byName[w.packages[i].Name] = int32(i)
	}
	w.needs, w.unread, w.apart = make([][]int32, n), make([]bool, n), make([][]string, n)
	for i := range w.packages {
		for _, name := range w.packages[i].DependsOn {
			to, ok := byName[name]
			if !ok {
				return fmt.Errorf("package %q depends on %q, which is not listed", w.packages[i].Name, name)
			}
			w.needs[i] = append(w.needs[i], to)
		}
	}
	for _, e := range w.manifest.Edges {
		from, ok := byName[e.From]
		if !ok {
			continue
		}
		if to, listed := byName[e.To]; listed {
			w.needs[from] = append(w.needs[from], to)
		} else if e.To == "" && !w.ignore.has(e.File) {
			w.apart[from] = append(w.apart[from], e.File)
		}
	}
	for _, u := range w.manifest.Unread {
		if i, ok := byName[u.Package]; ok && !u.Warning {
			w.unread[i] = true
		}
	}
	return nil
}

// parts hashes what each package is by itself. What is the same for all
// packages is hashed once.
func (w *work) parts() ([]digest, error) {
	global, err := w.digests(w.global)
	if err != nil {
		return nil, err
	}
	all := newEncoder("all")
	all.list(w.options.All)
	all.digests(global)
	if w.everything {
		var tree encoder
		if err := w.all(&tree, "."); err != nil {
			return nil, err
		}
		all.part("everything", tree)
	}
	shared := all.sum()
	own := make([]digest, len(w.packages))
	start := newEncoder("package")
	start.digest(shared)
	var e encoder // used again and again
	for i := range w.packages {
		e = append(e[:0], start...)
		writeEntry(&e, &w.packages[i])
		if err := w.part(&e, i); err != nil {
			return nil, fmt.Errorf("package %s: %w", w.packages[i].Name, err)
		}
		own[i] = e.sum()
	}
	return own, nil
}

// part writes what package i is by itself but for its entry.
func (w *work) part(e *encoder, i int) error {
	if w.options.Image != nil {
		e.str("image digest")
		e.str(w.options.Image(w.packages[i].Name))
	}
	var own encoder
	if h := w.sifted[i]; h != nil {
		own = h.Sum(nil)
	} else if err := w.own(&own, i); err != nil {
		return err
	}
	e.part("own", own)
	inputs, err := w.digests(w.reads[i])
	if err != nil {
		return err
	}
	e.digests(inputs)
	e.digests(w.links.of(w.links.uses[i]))
	var apart encoder
	for _, path := range sorted(w.apart[i]) {
		at, ok, err := w.entry(path)
		if err != nil {
			return err
		}
		if ok && at.Mode != ModeFolder {
			apart.entry(path, at)
		}
	}
	e.part("apart", apart)
	if w.unread[i] {
		var tree encoder
		if err := w.all(&tree, "."); err != nil {
			return err
		}
		e.part("everything", tree)
	}
	return nil
}
