package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dudesons/loktar/app/minihub"
)

// files reads a folder of the story: path -> content.
func (w *world) files(ts *testscript.TestScript, dir string) map[string]string {
	files := map[string]string{}
	root := ts.MkAbs(dir)
	ts.Check(filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(p)
		rel, _ := filepath.Rel(root, p)
		// A story's file cannot show a tab at the start of a line of make.
		if filepath.Base(p) == "Makefile" {
			b = regexp.MustCompile(`(?m)^    `).ReplaceAll(b, []byte("\t"))
		}
		files[filepath.ToSlash(rel)] = string(b)
		return err
	}))
	return files
}

// repo OWNER/NAME DIR: a repository with DIR on main, the App installed on it.
func (w *world) repo(ts *testscript.TestScript, _ bool, args []string) {
	owner, name, _ := strings.Cut(args[0], "/")
	w.repos, w.name = w.hub.Repo(owner, name, w.files(ts, args[1])), args[0]
	// Where its owner clones from and pushes to.
	ts.Setenv("URL", strings.Replace(w.repos.CloneURL(), "://", "://"+owner+":"+w.hub.UserToken(owner)+"@", 1))
}

// pull BRANCH DIR [DELETED...]: a commit with DIR on top of main, and a pull request of it.
func (w *world) pull(ts *testscript.TestScript, _ bool, args []string) {
	w.head = w.hub.Commit(w.repos, minihub.Commit{Branch: args[0], From: "main", Files: w.files(ts, args[1]), Delete: args[2:]})
	w.number = w.hub.Open(w.repos, minihub.NewPull{Title: "Change " + args[0], Head: args[0]})
}

// branch BRANCH DIR: a commit with DIR on top of main, without a pull request.
func (w *world) branch(ts *testscript.TestScript, _ bool, args []string) {
	w.head = w.hub.Commit(w.repos, minihub.Commit{Branch: args[0], From: "main", Files: w.files(ts, args[1])})
}

// open BRANCH [AUTHOR]: a pull request of a branch that is there.
func (w *world) open(ts *testscript.TestScript, _ bool, args []string) {
	head, err := w.repos.Tip(w.t.Context(), args[0])
	ts.Check(err)
	w.head = head
	p := minihub.NewPull{Title: "Change " + args[0], Head: args[0]}
	if len(args) > 1 {
		p.Author = args[1]
	}
	w.number = w.hub.Open(w.repos, p)
}

// access LOGIN PERMISSION: what somebody may do in the repository.
func (w *world) access(_ *testscript.TestScript, _ bool, args []string) {
	w.repos.SetAccess(args[0], args[1])
}

// push BRANCH DIR [MESSAGE]: another commit on BRANCH.
func (w *world) push(ts *testscript.TestScript, _ bool, args []string) {
	w.head = w.hub.Commit(w.repos, minihub.Commit{Branch: args[0], Files: w.files(ts, args[1]), Message: strings.Join(args[2:], " ")})
}

// fork OWNER DIR: a pull request from OWNER's fork.
func (w *world) fork(ts *testscript.TestScript, _ bool, args []string) {
	f, err := w.repos.Fork(args[0])
	ts.Check(err)
	w.head = w.hub.Commit(f, minihub.Commit{Branch: "change", From: "main", Files: w.files(ts, args[1]), Author: args[0]})
	w.forked = f
	w.number = w.hub.Open(w.repos, minihub.NewPull{Title: "From a fork", Head: args[0] + ":change", Author: args[0]})
}

// forkpush LOGIN DIR: another commit on the fork's branch.
func (w *world) forkpush(ts *testscript.TestScript, _ bool, args []string) {
	w.head = w.hub.Commit(w.forked, minihub.Commit{Branch: "change", Files: w.files(ts, args[1]), Author: args[0]})
}

// draft BRANCH DIR: like pull, of a draft.
func (w *world) draft(ts *testscript.TestScript, _ bool, args []string) {
	w.head = w.hub.Commit(w.repos, minihub.Commit{Branch: args[0], From: "main", Files: w.files(ts, args[1])})
	w.number = w.hub.Open(w.repos, minihub.NewPull{Title: "Draft " + args[0], Head: args[0], Draft: true})
}

// close: the pull request is closed.
func (w *world) close(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(w.repos.ClosePull(w.t.Context(), w.number, w.repos.Owner()))
}

// act VERB [ARG...]: what somebody does at GitHub's pages, as the repository's
// owner unless a login is among the arguments.
func (w *world) act(ts *testscript.TestScript, neg bool, args []string) {
	ctx, owner := w.t.Context(), w.repos.Owner()
	arg := func(i int, or string) string {
		if i < len(args) {
			return args[i]
		}
		return or
	}
	var err error
	switch args[0] {
	case "ready":
		err = w.repos.SetDraft(w.number, owner, false)
	case "todraft":
		err = w.repos.SetDraft(w.number, owner, true)
	case "reopen":
		err = w.repos.ReopenPull(ctx, w.number, arg(1, owner))
	case "label":
		err = w.repos.Label(w.number, arg(2, owner), args[1])
	case "base":
		err = w.repos.EditPull(ctx, w.number, arg(2, owner), "", args[1])
	case "title":
		err = w.repos.EditPull(ctx, w.number, arg(2, owner), args[1], "")
	case "merge":
		_, err = w.repos.MergePull(ctx, w.number, owner)
	case "enqueue":
		w.head, err = w.repos.Enqueue(ctx, w.number, owner)
	case "dequeue":
		err = w.repos.Dequeue(ctx, w.number, owner)
	case "finish":
		err = w.repos.FinishQueue(ctx, w.number, owner)
	case "rename":
		err = w.repos.Rename(args[1])
		w.name = w.repos.FullName()
	case "renamefork":
		err = w.forked.Rename(args[1])
	case "transfer":
		err = w.repos.Transfer(args[1])
		w.name = w.repos.FullName()
	case "archive":
		err = w.repos.Archive()
	case "install":
		w.hub.Install(args[1])
	case "select":
		w.hub.App().InstallOn(owner, args[1:]...)
	case "remove":
		err = w.hub.App().RemoveRepos(owner, args[1:]...)
	case "uninstall":
		err = w.hub.App().Uninstall(owner)
	case "permit":
		w.hub.Permit(args[1], args[2])
	case "suspend":
		err = w.hub.App().Suspend(owner)
	case "unsuspend":
		err = w.hub.App().Unsuspend(owner)
	case "delete":
		err = w.hub.DeleteRepo(w.repos)
	default:
		ts.Fatalf("nobody can %s", args[0])
	}
	if (err != nil) != neg {
		ts.Fatalf("%v: %v", args, err)
	}
}

// rerun NAME [LOGIN]: press Re-run on the newest check run. Later commands see
// the new run's check NAME and aggregate only.
func (w *world) rerun(ts *testscript.TestScript, _ bool, args []string) {
	old := w.pressed(args[0])
	ts.Check(w.hub.RerequestRun(old.ID, w.login(args, 1)))
}

// rerunall [LOGIN]: press "Re-run all checks".
func (w *world) rerunall(ts *testscript.TestScript, _ bool, args []string) {
	w.pressed("loktar")
	ts.Check(w.repos.RerequestSuites(w.head, w.login(args, 0)))
}

// press ACTION [LOGIN] [TIMES]: press a button of the newest aggregate check.
// Later commands see what the new run reports only, but for cancel, which
// makes none.
func (w *world) press(ts *testscript.TestScript, _ bool, args []string) {
	old := w.find("loktar", "in_progress")
	if args[0] != "cancel" {
		w.pastAll()
	}
	times := 1
	if len(args) > 2 {
		var err error
		times, err = strconv.Atoi(args[2])
		ts.Check(err)
	}
	for range times {
		ts.Check(w.hub.RequestAction(old.ID, args[0], w.login(args, 1)))
	}
}

// vain rerun|rerunall|ACTION LOGIN: do it, and have it be refused: the newest
// check runs stay the same.
func (w *world) vain(ts *testscript.TestScript, _ bool, args []string) {
	old := w.find("loktar", "in_progress")
	switch args[0] {
	case "rerun":
		ts.Check(w.hub.RerequestRun(old.ID, args[1]))
	case "rerunall":
		ts.Check(w.repos.RerequestSuites(w.head, args[1]))
	default:
		ts.Check(w.hub.RequestAction(old.ID, args[0], args[1]))
	}
	w.until(ts, "the refusal to show", func() bool {
		now, ok := w.newest("loktar")
		return ok && now.ID == old.ID && now.Conclusion == old.Conclusion && now.Writes > old.Writes && strings.Contains(now.Summary, args[1]+" asked") && strings.Contains(now.Summary, "Refused: ")
	})
}

func (w *world) login(args []string, i int) string {
	if i < len(args) {
		return args[i]
	}
	return w.repos.Owner()
}

// pressed makes the newest check run NAME and its aggregate old.
func (w *world) pressed(name string) minihub.CheckRun {
	old, aggregate := w.find(name, "completed"), w.find("loktar", "completed")
	w.past = append(w.past, old.ID, aggregate.ID)
	return old
}

// say LOGIN TEXT: a comment on the pull request. What ran before is old to
// later commands.
func (w *world) say(ts *testscript.TestScript, _ bool, args []string) {
	w.pastAll()
	id, err := w.repos.Comment(w.t.Context(), w.number, args[0], args[1])
	ts.Check(err)
	w.said = id
}

// require BRANCH [NAME...]: the branch's protection requires these checks; of
// ours:NAME our App has to report.
func (w *world) require(_ *testscript.TestScript, _ bool, args []string) {
	var list []minihub.RequiredCheck
	for _, name := range args[1:] {
		c := minihub.RequiredCheck{Context: name}
		if ours, ok := strings.CutPrefix(name, "ours:"); ok {
			c = minihub.RequiredCheck{Context: ours, AppID: w.hub.App().ID()}
		}
		list = append(list, c)
	}
	if branch, ok := strings.CutPrefix(args[0], "ruleset:"); ok {
		w.repos.SetRuleset(branch, list...)
		return
	}
	w.repos.Protect(args[0], list...)
}

// old: remember the head; older: look at it again.
func (w *world) old(*testscript.TestScript, bool, []string)   { w.seen = w.head }
func (w *world) older(*testscript.TestScript, bool, []string) { w.head = w.seen }

// remember: the newest aggregate check; its button is pressed later.
func (w *world) remember(*testscript.TestScript, bool, []string) {
	w.kept, w.seen = w.find("loktar", "completed").ID, w.head
}

// pressold ACTION LOGIN REGEXP: press the button of the remembered check run,
// which then says why nothing came of it.
func (w *world) pressold(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(w.hub.RequestAction(w.kept, args[0], args[1]))
	w.until(ts, "the remark "+args[2], func() bool {
		for _, c := range w.hub.CheckRuns(w.name, w.seen) {
			if c.ID == w.kept && regexp.MustCompile(args[2]).MatchString(c.Summary) {
				return true
			}
		}
		return false
	})
}

// tag NAME BRANCH: an annotated tag of a branch's tip, pushed by the owner.
func (w *world) tag(ts *testscript.TestScript, _ bool, args []string) {
	w.track(ts, false, args[1:])
	dir := filepath.Join(w.work, ".tag")
	w.git(ts, "clone", "--quiet", "--branch", args[1], ts.Getenv("URL"), dir)
	w.git(ts, "-C", dir, "tag", "--annotate", "--message", "A release", args[0])
	w.pastAll()
	w.git(ts, "-C", dir, "push", "--quiet", "origin", args[0])
}

// pastAll makes all check runs of the head old.
func (w *world) pastAll() {
	for _, c := range w.hub.CheckRuns(w.name, w.head) {
		w.past = append(w.past, c.ID)
	}
}

// at BRANCH: a branch at the present head.
func (w *world) at(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(w.repos.Push(w.t.Context(), w.repos.Owner(), args[0], w.head))
}

// gone BRANCH: it is deleted, by the clone that `tag` made.
func (w *world) gone(ts *testscript.TestScript, _ bool, args []string) {
	w.git(ts, "-C", filepath.Join(w.work, ".tag"), "push", "--quiet", "origin", "--delete", args[0])
}

func (w *world) git(ts *testscript.TestScript, args ...string) {
	ts.Check(ts.Exec("git", args...))
}
