package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// running N: wait until exactly N of this story's containers run.
func (w *world) running(ts *testscript.TestScript, _ bool, args []string) {
	w.until(ts, args[0]+" running containers", func() bool { return strconv.Itoa(len(w.containers(ts))) == args[0] })
}

// prints NAME TEXT: wait until the log of a job of the package NAME holds TEXT.
func (w *world) prints(ts *testscript.TestScript, _ bool, args []string) {
	w.until(ts, args[0]+" to print "+args[1], func() bool {
		logs, err := filepath.Glob(filepath.Join(w.work, ".data", "logs", "*", args[0]+".log"))
		ts.Check(err)
		return slices.ContainsFunc(logs, func(file string) bool {
			text, err := os.ReadFile(file)
			return err == nil && strings.Contains(string(text), args[1])
		})
	})
}

// runs are the ids of the runs that the hub heard of.
func (w *world) runs() []string {
	var ids []string
	for _, c := range w.hub.CheckRuns(w.name, "") {
		id, _, _ := strings.Cut(c.ExternalID, "/")
		if id != "" && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids
}

func (w *world) containers(ts *testscript.TestScript) []string {
	var out []string
	for _, id := range w.runs() {
		list, err := w.engine.ContainerList(w.t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(filters.Arg("label", "loktar.run="+id))})
		ts.Check(err)
		for _, c := range list {
			out = append(out, c.Names...)
		}
	}
	return out
}

// clean: no container, volume, network, mount, workspace or temporary file of
// this story is left.
func (w *world) clean(ts *testscript.TestScript, _ bool, _ []string) {
	var left []string
	defer func() {
		if len(left) > 0 {
			ts.Logf("left: %q", left)
		}
	}()
	w.until(ts, "everything to be removed", func() bool {
		left = nil
		// Of files it is looked for also where there was no run.
		for _, id := range append(w.runs(), "none") {
			more, err := dockertest.Left(w.t.Context(), w.engine, "loktar.run="+id, filepath.Join(w.work, ".data"))
			ts.Check(err)
			left = append(left, more...)
		}
		return len(left) == 0
	})
}

// mirrors N: the server comes to keep N mirrors.
func (w *world) mirrors(ts *testscript.TestScript, _ bool, args []string) {
	w.until(ts, args[0]+" mirrors", func() bool {
		entries, err := os.ReadDir(filepath.Join(w.work, ".data", "git", "mirrors"))
		return err == nil && strconv.Itoa(len(entries)) == args[0]
	})
}

// caches N: the server comes to keep N caches.
func (w *world) caches(ts *testscript.TestScript, _ bool, args []string) {
	w.until(ts, args[0]+" caches", func() bool {
		entries, err := os.ReadDir(filepath.Join(w.work, ".data", "caches", "entries"))
		return err == nil && strconv.Itoa(len(entries)) == args[0]
	})
}

// published PATH REGEXP: the storage holds a file with such content; with "!",
// it has nothing of that name.
func (w *world) published(ts *testscript.TestScript, neg bool, args []string) {
	path := filepath.Join(w.work, ".published", filepath.FromSlash(args[0]))
	if neg {
		if _, err := os.Stat(path); err == nil {
			ts.Fatalf("%s is published", args[0])
		}
		return
	}
	b, err := os.ReadFile(path)
	ts.Check(err)
	if !regexp.MustCompile(args[1]).Match(b) {
		ts.Fatalf("%s holds %q", args[0], b)
	}
}
