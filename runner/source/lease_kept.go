package source

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// keptTree is what a file says of a worktree that outlives its Source.
type keptTree struct {
	Repo       int64    `json:"repo"`
	Folder     string   `json:"folder"`
	Tree       string   `json:"tree"`
	Submodules []string `json:"submodules,omitempty"`
	LFS        bool     `json:"lfs,omitempty"`
	Gaps       []Gap    `json:"gaps,omitempty"`
}

func (w *worktrees) keptFile() string { return filepath.Join(w.dir, "kept.json") }

// open takes over the worktree that an earlier Source kept, and removes all
// others but those of Options.Left. Nothing is kept from here on until save.
func (w *worktrees) open() error {
	f, left := w.kept(), slices.Clone(w.src.opts.Left)
	if f != nil {
		left = append(left, f.files())
	}
	if err := w.clear(left); err != nil {
		return err
	}
	if f == nil || w.left[f.files()] == nil {
		return nil
	}
	delete(w.left, f.files())
	w.byTree[f.key], w.idle = f, []*folder{f}
	return nil
}

// kept is the worktree that an earlier Source kept; nil when there is none
// that can be used.
func (w *worktrees) kept() *folder {
	var k keptTree
	text, err := os.ReadFile(w.keptFile())
	if !w.src.opts.KeepTrees || err != nil || json.Unmarshal(text, &k) != nil {
		return nil
	}
	_, number, _ := strings.Cut(k.Folder, "-")
	if w.last, err = strconv.Atoi(number); err != nil || !isObjectName(k.Tree) || filepath.Base(k.Folder) != k.Folder {
		return nil
	}
	g := &gaps{submodules: map[string]bool{}, lfs: k.LFS, pointers: map[string]bool{}, list: k.Gaps}
	for _, path := range k.Submodules {
		g.submodules[path] = true
	}
	f := &folder{dir: filepath.Join(w.dir, k.Folder), key: treeKey{k.Repo, k.Tree}, ready: make(chan struct{}), cancel: func() {}, gaps: g}
	close(f.ready)
	return f
}

// save writes down which worktree is to be kept: that which became idle last.
func (w *worktrees) save() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.src.opts.KeepTrees || len(w.idle) == 0 {
		return nil
	}
	f := w.idle[len(w.idle)-1]
	k := keptTree{Repo: f.key.repo, Folder: filepath.Base(f.dir), Tree: f.key.tree, LFS: f.gaps.lfs, Gaps: f.gaps.list}
	for path := range f.gaps.submodules {
		k.Submodules = append(k.Submodules, path)
	}
	text, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("keep a worktree: %w", err)
	}
	if err := os.WriteFile(w.keptFile(), text, 0o600); err != nil {
		return errors.Join(fmt.Errorf("keep a worktree: %w", err), os.Remove(w.keptFile()))
	}
	return nil
}
