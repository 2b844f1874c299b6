package graph_test

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bmatcuk/doublestar/v4"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/graph"
)

// Brute force: the rules as the documentation tells them, in loops over all
// packages and all files, sharing nothing with the package under test.

func bruteGlob(glob, path string) bool {
	if ok, _ := doublestar.Match(glob, path); ok {
		return true
	}
	last := glob[strings.LastIndex(glob, "/")+1:]
	if strings.ContainsAny(last, "*?[") {
		return false
	}
	// It names a file or a folder: what is below matches too.
	for i, c := range path {
		if c == '/' {
			if ok, _ := doublestar.Match(glob, path[:i]); ok {
				return true
			}
		}
	}
	return false
}

func bruteGlobs(globs []string, path string) bool {
	in := false
	for _, g := range globs {
		if strings.HasPrefix(g, "!") {
			if bruteGlob(g[1:], path) {
				return false
			}
		} else if bruteGlob(g, path) {
			in = true
		}
	}
	return in
}

// bruteReads reports whether p reads a file outside of its folder: as inputs
// say, or since it says what the package's own files look like.
func bruteReads(p checks.Package, path string) bool {
	for _, g := range p.Inputs {
		if strings.HasPrefix(g, "!") && bruteGlob(g[1:], path) {
			return false
		}
	}
	for dir := p.Dir; dir != "."; {
		if i := strings.LastIndex(dir, "/"); i >= 0 {
			dir = dir[:i]
		} else {
			dir = "."
		}
		if at := strings.TrimPrefix(dir+"/.gitattributes", "./"); path == at || strings.HasPrefix(path, at+"/") {
			return true
		}
	}
	return bruteGlobs(p.Inputs, path)
}

func bruteOwner(packages []checks.Package, path string) string {
	owner, deepest := "", -1
	for _, p := range packages {
		depth := strings.Count(p.Dir, "/") + 1
		inside := path == p.Dir || strings.HasPrefix(path, p.Dir+"/")
		if p.Dir == "." {
			depth, inside = 0, true
		}
		if inside && depth > deepest {
			owner, deepest = p.Name, depth
		}
	}
	return owner
}

// related reports whether a change of path changes what target is.
func related(path, target string) bool {
	return target == "." || path == target || strings.HasPrefix(path, target+"/") || strings.HasPrefix(target, path+"/")
}

// bruteDeps are the packages that each needs: all of them, and those that
// count for the order, with the place where each was read first.
func bruteDeps(packages []checks.Package, edges []checks.Edge) (all, ordered map[string][]string, read map[[2]string]string) {
	all, ordered, read = map[string][]string{}, map[string][]string{}, map[[2]string]string{}
	listed := map[string]bool{}
	for _, p := range packages {
		listed[p.Name] = true
	}
	loose := map[[2]string]bool{}
	for _, p := range packages {
		all[p.Name] = append(all[p.Name], p.DependsOn...)
	}
	for _, e := range edges {
		if !listed[e.From] || !listed[e.To] || e.From == e.To {
			continue
		}
		key := [2]string{e.From, e.To}
		at := fmt.Sprintf("%s:%d", e.File, e.Line)
		if !slices.Contains(all[e.From], e.To) {
			all[e.From] = append(all[e.From], e.To)
			read[key] = at
		} else if was, inferred := read[key]; inferred && at < was {
			read[key] = at
		}
		if e.Cyclic && read[key] != "" {
			loose[key] = true
		}
	}
	for _, p := range packages {
		for _, d := range all[p.Name] {
			if !loose[[2]string{p.Name, d}] {
				ordered[p.Name] = append(ordered[p.Name], d)
			}
		}
	}
	tight := map[string][]string{}
	for _, p := range packages {
		for _, d := range ordered[p.Name] {
			if read[[2]string{p.Name, d}] == "" || !reaches(ordered, d, p.Name) {
				tight[p.Name] = append(tight[p.Name], d)
			}
		}
	}
	return all, tight, read
}

func reaches(deps map[string][]string, from, to string) bool {
	seen := map[string]bool{}
	var visit func(string) bool
	visit = func(at string) bool {
		if at == to {
			return true
		}
		if seen[at] {
			return false
		}
		seen[at] = true
		return slices.ContainsFunc(deps[at], visit)
	}
	return visit(from)
}

func brute(packages []checks.Package, edges []checks.Edge, q graph.Query) (affected map[string][]string, needs map[string][]string, unowned []string, ignored int) {
	affected = map[string][]string{}
	all, ordered, read := bruteDeps(packages, edges)
	more := func(list []string) string {
		if len(list) > 1 {
			return fmt.Sprintf("%s and %d more", list[0], len(list)-1)
		}
		return list[0]
	}
	// Of several links that count as changed any may be shown.
	withLinks := func(list []string) string {
		if !slices.Contains(q.Files, list[0]) {
			list = append([]string{"(a link)"}, list[1:]...)
		}
		return more(list)
	}
	ignore := func(f string) bool { return bruteGlobs(q.Ignore, f) }
	owned := func(f string) string {
		if f == "loktar.json" || ignore(f) {
			return ""
		}
		return bruteOwner(packages, f)
	}

	// A link whose target changed counts as changed.
	changed := slices.Clone(q.Files)
	stands := map[string][]string{} // the links that a file makes count
	byLink := map[string]bool{}
	for _, f := range q.Files {
		if ignore(f) {
			continue
		}
		queue, seen := []string{f}, map[string]bool{}
		for len(queue) > 0 {
			at := queue[0]
			queue = queue[1:]
			for _, l := range q.Links {
				if seen[l.Path] || !related(at, l.Target) {
					continue
				}
				seen[l.Path] = true
				stands[f] = append(stands[f], l.Path)
				if owner := owned(l.Path); owner != "" && !own(packages, owner, l.Target) {
					byLink[owner] = true
				}
				if !slices.Contains(changed, l.Path) {
					changed = append(changed, l.Path)
				}
				if !ignore(l.Path) {
					queue = append(queue, l.Path)
				}
			}
		}
	}
	some := func(of []string, match func(string) bool) (out []string) {
		for _, f := range of {
			if match(f) {
				out = append(out, f)
			}
		}
		return out
	}
	isGlobal := func(f string) bool { return bruteGlobs(q.GlobalInputs, f) }
	global := some(changed, isGlobal)
	reads := func(f string) bool {
		return slices.ContainsFunc(packages, func(p checks.Package) bool { return bruteReads(p, f) })
	}
	uses := func(f string) bool { return isGlobal(f) || reads(f) || owned(f) != "" }

	source, spreads := map[string]bool{}, map[string]bool{}
	for _, p := range packages {
		own := some(q.Files, func(f string) bool { return owned(f) == p.Name })
		if len(own) > 0 {
			shown := slices.Clone(own)
			for i := range shown {
				if p.Dir != "." && shown[i] != p.Dir {
					shown[i] = shown[i][len(p.Dir)+1:]
				}
			}
			where := p.Dir
			if where == "." {
				where = "the root folder"
			}
			affected[p.Name] = append(affected[p.Name], where+" changed: "+more(shown))
		}
		inputs := some(changed, func(f string) bool { return bruteReads(p, f) })
		if len(inputs) > 0 {
			affected[p.Name] = append(affected[p.Name], "input changed: "+withLinks(inputs))
		}
		touches := func(f string) bool { return owned(f) == p.Name || bruteReads(p, f) }
		held := len(affected[p.Name]) > 0 && len(p.ExcludeKeywords) > 0 && len(global) == 0
		for _, f := range some(q.Files, touches) {
			held = held && slices.ContainsFunc(q.Commits, func(c graph.Commit) bool { return slices.Contains(c.Files, f) })
		}
		for _, f := range q.Files { // what links alone make count is not explained
			for _, l := range stands[f] {
				held = held && !bruteReads(p, l)
			}
		}
		for _, c := range q.Commits {
			if slices.ContainsFunc(c.Files, touches) {
				held = held && len(c.Prefixes) > 0
				for _, word := range c.Prefixes {
					held = held && slices.Contains(p.ExcludeKeywords, word)
				}
			}
		}
		if byLink[p.Name] {
			affected[p.Name] = append(affected[p.Name], "link")
			held = false
		}
		if slices.Contains(q.Changes.Entries, p.Name) {
			affected[p.Name] = append(affected[p.Name], "its entry in loktar.json changed")
			held = false
		}
		var unread []string
		for _, u := range q.Unread {
			if u.Package == p.Name && !u.Warning {
				unread = append(unread, fmt.Sprintf("%s:%d: %s", u.File, u.Line, u.Message))
			}
		}
		if len(unread) > 0 {
			affected[p.Name] = append(affected[p.Name], "its dependencies could not be read: "+more(unread))
			held = false
		}
		if len(global) > 0 {
			affected[p.Name] = append(affected[p.Name], "global input changed: "+withLinks(global))
		}
		source[p.Name] = len(affected[p.Name]) > 0
		spreads[p.Name] = source[p.Name] && !held
	}
	dist := map[string]int{}
	for _, p := range packages {
		if spreads[p.Name] {
			dist[p.Name] = 0
		}
	}
	for round := range packages {
		for _, p := range packages {
			if _, done := dist[p.Name]; done {
				continue
			}
			for _, d := range all[p.Name] {
				if at, ok := dist[d]; ok && at == round {
					dist[p.Name] = round + 1
				}
			}
		}
	}
	for _, p := range packages {
		mine, in := dist[p.Name]
		if !in {
			mine = -1
		}
		if len(global) > 0 {
			continue
		}
		near, n := "", 0
		for _, d := range packages { // in the order of the manifest
			at, ok := dist[d.Name]
			if !ok || !slices.Contains(all[p.Name], d.Name) || at > 0 && at >= mine && reaches(all, d.Name, p.Name) {
				continue
			}
			n++
			if near == "" || at < dist[near] {
				near = d.Name
			}
		}
		if n > 0 {
			why := "depends on " + near
			if at := read[[2]string{p.Name, near}]; at != "" {
				why += " (" + at + ")"
			}
			if n > 1 {
				why += fmt.Sprintf(" and %d more", n-1)
			}
			affected[p.Name] = append(affected[p.Name], why)
		}
	}
	for _, f := range q.Files {
		switch {
		case f == "loktar.json" || uses(f) || slices.ContainsFunc(stands[f], uses):
		case ignore(f):
			ignored++
		default:
			unowned = append(unowned, f)
		}
	}

	// The first of the manifest whose dependencies are placed, and so on.
	var order []string
	for len(order) < len(packages) {
		for _, p := range packages {
			ready := !slices.Contains(order, p.Name)
			for _, d := range ordered[p.Name] {
				ready = ready && slices.Contains(order, d)
			}
			if ready {
				order = append(order, p.Name)
				break
			}
		}
	}
	out, needs := map[string][]string{"order": nil}, map[string][]string{}
	for _, name := range order {
		if why := affected[name]; len(why) > 0 {
			out["order"] = append(out["order"], name)
			out[name] = why
		}
	}
	for _, name := range out["order"] {
		for _, d := range ordered[name] {
			if len(affected[d]) > 0 && !slices.Contains(needs[name], d) {
				needs[name] = append(needs[name], d)
			}
		}
	}
	return out, needs, unowned, ignored
}

// own reports whether all at path and below belongs to the package.
func own(packages []checks.Package, name, path string) bool {
	for _, p := range packages {
		if p.Name != name && (path == "." || strings.HasPrefix(p.Dir, path+"/")) || p.Name == name && path == "." && p.Dir != "." {
			return false
		}
	}
	return path == "." || bruteOwner(packages, path) == name
}
