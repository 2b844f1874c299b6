package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/plan"
	"github.com/dudesons/loktar/configs/manifest/infer"
	"github.com/dudesons/loktar/runner/source"
)

// TestAffectedOfRandomChanges has random repositories changed at random, with
// real git, and asks a second implementation of the rules what is affected:
// one that knows neither graphs nor caches. LOKTAR_ROUNDS and LOKTAR_SEED ask
// for more rounds and others.
func TestAffectedOfRandomChanges(t *testing.T) {
	rounds, seed := 40, 1
	for name, v := range map[string]*int{"LOKTAR_ROUNDS": &rounds, "LOKTAR_SEED": &seed} {
		if s := os.Getenv(name); s != "" {
			n, err := strconv.Atoi(s)
			if err != nil {
				t.Fatal(err)
			}
			*v = n
		}
	}
	dir := t.TempDir()
	origin := filepath.Join(dir, "origin.git")
	git(t, nil, "init", "--quiet", "--bare", "--initial-branch=main", origin)
	srv := httptest.NewServer(&cgi.Handler{Path: filepath.Join(git(t, nil, "--exec-path"), "git-http-backend"),
		Env: []string{"GIT_PROJECT_ROOT=" + dir, "GIT_HTTP_EXPORT_ALL=1", "GIT_CONFIG_NOSYSTEM=1"}})
	t.Cleanup(srv.Close)
	src, err := source.New(source.Options{Dir: filepath.Join(dir, "data"), URL: func(checks.Repo) string { return srv.URL + "/origin.git" }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := src.Close(); err != nil {
			t.Error(err)
		}
	})
	c := &changes{source: src, inferrer: infer.New()}
	var planner plan.Planner
	planned := 0
	for n := range rounds {
		rng := rand.New(rand.NewPCG(uint64(seed), uint64(n)))
		base := randomRepo(rng)
		head, tip := base.clone(), base.clone()
		for range 1 + rng.IntN(3) {
			head.change(rng)
		}
		if rng.IntN(2) == 0 {
			tip.change(rng)
		}
		merged, clean := mergeRepos(base, head, tip)
		if !clean || !merged.sound() {
			continue
		}
		b := fmt.Sprintf("b%d", n)
		commitRepo(t, origin, b, "", base)
		headSHA := commitRepo(t, origin, "h"+b, b, head)
		baseSHA := git(t, nil, "--git-dir="+origin, "rev-parse", b)
		if !sameFiles(tip.files, base.files) {
			baseSHA = commitRepo(t, origin, b, b, tip)
		}
		repo := checks.Repo{ID: 1, Owner: "acme", Name: "x"}
		ev := checks.Event{Delivery: b, Kind: checks.EventPullRequest, Repo: repo, HeadSHA: headSHA, PullRequest: &checks.PullRequest{
			Number: 1, Head: checks.Ref{SHA: headSHA, Branch: "h" + b, Repo: repo}, Base: checks.Ref{SHA: baseSHA, Branch: b, Repo: repo}}}
		ch, err := c.Load(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		if len(ch.Conflicts) > 0 {
			continue
		}
		p, err := planner.Make(ev, ch)
		if err != nil {
			t.Fatal(err)
		}
		if len(ch.Problems) > 0 {
			continue
		}
		planned++
		var got []string
		for _, j := range p.Jobs {
			got = append(got, j.Package.Name)
		}
		slices.Sort(got)
		if want := expect(base, head, tip, merged); !slices.Equal(got, want) {
			t.Errorf("round %d: affected %q, want %q\nbase %s\nhead %s\ntip %s\nplan %+v", n, got, want, base.diff(repoState{}), head.diff(base), tip.diff(base), reasons(p))
			if rounds > 100 {
				t.FailNow()
			}
		}
	}
	if planned < rounds/2 {
		t.Errorf("only %d of %d rounds came to a plan", planned, rounds)
	}
}

func reasons(p checks.Plan) (out []string) {
	for _, j := range p.Jobs {
		out = append(out, fmt.Sprint(j.Package.Name, j.Reasons))
	}
	return out
}

func git(t testing.TB, stdin []byte, args ...string) string {
	t.Helper()
	cmd := exec.Command("git", args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "GIT_CONFIG_NOSYSTEM=1", "LC_ALL=C"}
	cmd.Stdin = bytes.NewReader(stdin)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("git %q: %v: %s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func commitRepo(t testing.TB, origin, branch, from string, r repoState) string {
	t.Helper()
	var in bytes.Buffer
	fmt.Fprintf(&in, "commit refs/heads/%s\ncommitter a <a@example.org> 1700000000 +0000\ndata 6\nchange\n", branch)
	if from != "" {
		fmt.Fprintf(&in, "from refs/heads/%s^0\n", from)
	}
	in.WriteString("deleteall\n")
	for _, p := range r.paths() {
		mode, text := "100644", r.files[p]
		if target, ok := strings.CutPrefix(text, "->"); ok {
			mode, text = "120000", target
		}
		fmt.Fprintf(&in, "M %s inline %s\ndata %d\n%s\n", mode, p, len(text), text)
	}
	git(t, in.Bytes(), "--git-dir="+origin, "fast-import", "--quiet", "--force")
	return git(t, nil, "--git-dir="+origin, "rev-parse", "refs/heads/"+branch)
}

// repoState is a repository's files: a link's content is "->" and its target.
// Its loktar.json is in words of this test.
type repoState struct {
	files map[string]string
}

type entry struct {
	Name    string   `json:"pkg_name"`
	Dir     string   `json:"pkg_dir"`
	Depends []string `json:"depends_on,omitempty"`
	Inputs  []string `json:"inputs,omitempty"`
	Test    string   `json:"test_type"`
}

func (r repoState) clone() repoState {
	files := make(map[string]string, len(r.files))
	for p, s := range r.files {
		files[p] = s
	}
	return repoState{files}
}

func (r repoState) paths() []string {
	var out []string
	for p := range r.files {
		out = append(out, p)
	}
	slices.Sort(out)
	return out
}

func (r repoState) diff(old repoState) string {
	var b strings.Builder
	for _, p := range changed(old, r) {
		fmt.Fprintf(&b, "\n  %s: %q", p, r.files[p])
	}
	return b.String()
}

func (r repoState) entries() []entry {
	var m struct{ Packages []entry }
	if err := json.Unmarshal([]byte(r.files[checks.ManifestFile]), &m); err != nil {
		panic(err)
	}
	return m.Packages
}

func (r repoState) list(packages []entry) {
	lines := make([]string, len(packages))
	for i := range packages {
		b, err := json.MarshalIndent(packages[i], "", " ")
		if err != nil {
			panic(err)
		}
		lines[i] = string(b)
	}
	r.files[checks.ManifestFile] = "{\"packages\": [\n" + strings.Join(lines, ",\n") + "\n],\n\"ignore\": [\"**/*.md\"]}\n"
}

var places = []string{"a", "b", "c", "d", "b/in", "b/in/deep", "libs/e", "libs/f"}

func randomRepo(rng *rand.Rand) repoState {
	r := repoState{map[string]string{"common/x.txt": "flask\n", "common/y.txt": "a\n", "README.md": "r", "ci.mk": "1"}}
	var packages []entry
	for i, dir := range places {
		if rng.IntN(6) == 0 {
			continue
		}
		e := entry{Name: path.Base(dir), Dir: dir, Test: "no-test"}
		for _, d := range packages[:rng.IntN(len(packages)+1)] {
			if rng.IntN(5) == 0 {
				e.Depends = append(e.Depends, d.Name)
			}
		}
		if rng.IntN(6) == 0 {
			e.Inputs = []string{[]string{"common/**", "ci.mk", "a/f*"}[rng.IntN(3)]}
		}
		packages = append(packages, e)
		r.files[dir+"/f0"], r.files[dir+"/keep"] = strconv.Itoa(i), ""
	}
	r.list(packages)
	for range 6 {
		r.change(rng)
	}
	return r
}

// change does one random thing to r.
func (r repoState) change(rng *rand.Rand) {
	pick := func(list []string) string { return list[rng.IntN(len(list))] }
	dir := pick(places)
	up := strings.Repeat("../", strings.Count(dir, "/")+1)
	packages := r.entries()
	at := rng.IntN(max(len(packages), 1))
	switch rng.IntN(15) {
	case 0, 1:
		r.files[dir+"/f"+strconv.Itoa(rng.IntN(3))] = strconv.Itoa(rng.IntN(1000))
	case 2:
		r.files[pick([]string{"ci.mk", "README.md", dir + "/notes.md"})] = strconv.Itoa(rng.IntN(1000))
	case 3, 4:
		var lines []string
		for range rng.IntN(3) {
			lines = append(lines, pick([]string{"a", "B>=1", "deep", "f ; python_version > '3'", "flask", "-r " + up + "common/x.txt", "-r " + up + "common/y.txt", "-e " + up + pick(places), "-e " + up + "ln/" + path.Base(pick(places))}))
		}
		r.files[dir+"/requirements.txt"] = strings.Join(lines, "\n") + "\n"
	case 5:
		r.files["common/"+pick([]string{"x.txt", "y.txt"})] = pick([]string{"c\n", "flask\n", "-r y.txt\n", "e\nf\n", "-r ../d/requirements.txt\n", "->x.txt"})
	case 6, 7:
		name, need := pick(places), pick(places)
		r.files[dir+"/package.json"] = fmt.Sprintf("{\"name\": \"@x/%s\", \"dependencies\": {\"@x/%s\": \"*\"}}\n", path.Base(name), path.Base(need))
	case 8:
		r.files[dir+"/link"] = "->" + up + pick([]string{pick(places) + "/f0", pick(places), "common/x.txt", "ln/" + path.Base(pick(places)), "ci.mk"})
	case 9:
		r.files["ln/"+path.Base(dir)] = "->../" + pick(places)
	case 10:
		for _, p := range r.paths() {
			if p != checks.ManifestFile && !strings.HasSuffix(p, "/keep") && rng.IntN(8) == 0 {
				delete(r.files, p)
			}
		}
	case 11: // a package is listed no more
		if len(packages) > 3 {
			gone := packages[at].Name
			packages = slices.Delete(packages, at, at+1)
			for i := range packages {
				packages[i].Depends = slices.DeleteFunc(packages[i].Depends, func(s string) bool { return s == gone })
			}
			r.list(packages)
		}
	case 12: // one is listed
		if !slices.ContainsFunc(packages, func(e entry) bool { return e.Dir == dir || e.Name == path.Base(dir) }) {
			r.files[dir+"/keep"] = ""
			r.list(append(packages, entry{Name: path.Base(dir), Dir: dir, Test: "no-test"}))
		}
	case 13: // one's entry changes
		packages[at].Inputs = []string{pick([]string{"common/**", "ci.mk", "a/f*"})}
		r.list(packages)
	case 14: // one moves
		to := "moved/" + packages[at].Name
		for _, p := range r.paths() {
			if rest, ok := strings.CutPrefix(p, packages[at].Dir+"/"); ok {
				r.files[to+"/"+rest] = r.files[p]
				delete(r.files, p)
			}
		}
		for i := range packages {
			if rest, ok := strings.CutPrefix(packages[i].Dir+"/", packages[at].Dir+"/"); ok && i != at {
				packages[i].Dir = path.Join(to, rest)
			}
		}
		packages[at].Dir = to
		r.list(packages)
	}
}

func sameFiles(a, b map[string]string) bool { return len(changed(repoState{a}, repoState{b})) == 0 }

// changed are the paths that differ.
func changed(a, b repoState) []string {
	var out []string
	for _, p := range a.paths() {
		if s, ok := b.files[p]; !ok || s != a.files[p] {
			out = append(out, p)
		}
	}
	for _, p := range b.paths() {
		if _, ok := a.files[p]; !ok {
			out = append(out, p)
		}
	}
	return out
}

// mergeRepos merges file by file; not clean when both changed one, for how
// git merges text is not this test's concern.
func mergeRepos(base, head, tip repoState) (repoState, bool) {
	out := tip.clone()
	theirs := changed(base, tip)
	for _, p := range changed(base, head) {
		if slices.Contains(theirs, p) {
			return out, false
		}
		if s, ok := head.files[p]; ok {
			out.files[p] = s
		} else {
			delete(out.files, p)
		}
	}
	return out, true
}

// sound reports whether the rules have one answer for r: no path is below
// another, all folders are there and every file that is included is.
func (r repoState) sound() bool {
	for p := range r.files {
		for d := path.Dir(p); d != "."; d = path.Dir(d) {
			if _, isFile := r.files[d]; isFile {
				return false
			}
		}
	}
	for _, e := range r.entries() {
		if !r.isDir(e.Dir) {
			return false
		}
		if _, _, ok := r.needs(e); !ok {
			return false
		}
	}
	return true
}

func (r repoState) isDir(dir string) bool {
	for p := range r.files {
		if strings.HasPrefix(p, dir+"/") {
			return true
		}
	}
	return false
}

// real follows the links of a path; trail are all paths met on the way.
func (r repoState) real(p string) (at string, trail []string) {
	at, rest := "", strings.Split(p, "/")
	for steps := 0; len(rest) > 0 && steps < 200; steps++ {
		elem := rest[0]
		rest = rest[1:]
		next := path.Join(at, elem)
		if strings.HasPrefix(next, "..") {
			return "", trail
		}
		if target, ok := strings.CutPrefix(r.files[next], "->"); ok {
			trail = append(trail, next)
			rest = append(strings.Split(target, "/"), rest...)
			if steps > 40 {
				return "", trail
			}
			continue
		}
		at = next
	}
	return at, append(trail, at)
}

func (r repoState) owner(p string) string {
	best, name := -1, ""
	for _, e := range r.entries() {
		if (p == e.Dir || strings.HasPrefix(p, e.Dir+"/")) && len(e.Dir) > best {
			best, name = len(e.Dir), e.Name
		}
	}
	return name
}

// needs are the packages that the files of e name, and the files that it
// reads and nobody owns; ok is false when one that is included is not there.
func (r repoState) needs(e entry) (needs, reads []string, ok bool) {
	add := func(name string) {
		if name != "" && name != e.Name && !slices.Contains(needs, name) {
			needs = append(needs, name)
		}
	}
	add("")
	byPath := func(p string) string {
		add(r.owner(p))
		real, _ := r.real(p)
		add(r.owner(real))
		return real
	}
	seen := map[string]bool{}
	ok = true
	var requirements func(file string)
	requirements = func(file string) {
		if seen[file] {
			return
		}
		seen[file] = true
		real, _ := r.real(file)
		text, there := r.files[real]
		if !there {
			ok = ok && file == path.Join(e.Dir, "requirements.txt")
			return
		}
		for line := range strings.Lines(text) {
			option, value, _ := strings.Cut(strings.TrimSpace(line), " ")
			switch option {
			case "":
			case "-r":
				to := path.Join(path.Dir(file), value)
				for _, p := range []string{to, byPath(to)} {
					if r.owner(p) == "" {
						reads = append(reads, p)
					}
				}
				requirements(to)
			case "-e":
				byPath(path.Join(path.Dir(file), value))
				byPath(path.Join(e.Dir, value))
			default:
				name := strings.ToLower(strings.TrimRight(option, ">=1"))
				if slices.ContainsFunc(r.entries(), func(o entry) bool { return o.Name == name }) {
					add(name)
				}
			}
		}
	}
	requirements(path.Join(e.Dir, "requirements.txt"))
	if own, isJSON := r.node(e); isJSON {
		for _, o := range r.entries() {
			if other, isJSON := r.node(o); isJSON && own.Dependencies[other.Name] != "" {
				add(o.Name)
			}
		}
	}
	return needs, reads, ok
}

type nodePackage struct {
	Name         string
	Dependencies map[string]string
}

func (r repoState) node(e entry) (p nodePackage, ok bool) {
	text, ok := r.files[e.Dir+"/package.json"]
	return p, ok && json.Unmarshal([]byte(text), &p) == nil
}

// expect is what the rules say, package by package until nothing is added.
func expect(base, head, tip, merged repoState) []string {
	touched := changed(base, head)
	in := map[string]bool{}
	entries := merged.entries()
	byName := func(r repoState, name string) (entry, bool) {
		all := r.entries()
		i := slices.IndexFunc(all, func(e entry) bool { return e.Name == name })
		if i < 0 {
			return entry{}, false
		}
		return all[i], true
	}
	for _, e := range entries {
		for _, f := range touched {
			if f != checks.ManifestFile && !strings.HasSuffix(f, ".md") && merged.owner(f) == e.Name {
				in[e.Name] = true
			}
			for _, glob := range e.Inputs {
				if ok, _ := path.Match(strings.Replace(glob, "/**", "/*", 1), f); ok {
					in[e.Name] = true
				}
			}
		}
		// What a link of its, or one among its inputs, leads to.
		for p, text := range merged.files {
			if !strings.HasPrefix(text, "->") {
				continue
			}
			_, trail := merged.real(p)
			mine := merged.owner(p) == e.Name
			for _, glob := range e.Inputs {
				ok, _ := path.Match(strings.Replace(glob, "/**", "/*", 1), p)
				mine = mine || ok
			}
			for _, f := range touched {
				for _, at := range trail {
					if mine && !strings.HasSuffix(f, ".md") && (f == at || strings.HasPrefix(f, at+"/")) && (merged.owner(p) != e.Name || merged.owner(f) != e.Name) {
						in[e.Name] = true
					}
				}
			}
		}
		if slices.Contains(touched, checks.ManifestFile) {
			old, was := byName(base, e.Name)
			if !was || fmt.Sprint(old) != fmt.Sprint(e) {
				in[e.Name] = true
			}
			if was {
				needs, _, _ := base.needs(old)
				for _, n := range append(needs, old.Depends...) {
					if _, still := byName(merged, n); !still {
						in[e.Name] = true
					}
				}
			}
		}
		needs, reads, _ := merged.needs(e)
		if old, was := byName(tip, e.Name); was {
			before, alsoReads, _ := tip.needs(old)
			reads = append(reads, alsoReads...)
			slices.Sort(needs)
			slices.Sort(before)
			if !slices.Equal(needs, before) {
				in[e.Name] = true
			}
		}
		for _, f := range reads {
			if slices.Contains(touched, f) {
				in[e.Name] = true
			}
		}
	}
	for grown := true; grown; {
		grown = false
		for _, e := range entries {
			needs, _, _ := merged.needs(e)
			for _, n := range append(needs, e.Depends...) {
				if in[n] && !in[e.Name] {
					in[e.Name], grown = true, true
				}
			}
		}
	}
	var out []string
	for name := range in {
		out = append(out, name)
	}
	slices.Sort(out)
	return out
}
