package minihub

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
)

// routeRepoForms serves what can be done with a repository.
func (h *Hub) routeRepoForms(mux *http.ServeMux, under string) {
	for name, one := range map[string]struct {
		need need
		do   func(*form) error
	}{
		"commits":         {writer, (*form).pushCommit},
		"branches/delete": {writer, (*form).deleteBranch},
		"tags":            {writer, (*form).makeTag},
		"tags/delete":     {writer, (*form).deleteTag},
		"pulls":           {anybody, (*form).openPull},
		"rules":           {admin, (*form).setRule},
		"rules/delete":    {admin, (*form).deleteRule},
		"access":          {admin, (*form).setAccess},
		"rename":          {admin, (*form).rename},
		"transfer":        {admin, (*form).transfer},
		"archive":         {admin, func(f *form) error { return f.repo.Archive() }},
		"delete":          {admin, (*form).deleteRepo},
	} {
		mux.HandleFunc("POST "+under+name, func(w http.ResponseWriter, r *http.Request) {
			if repo := h.pageRepo(w, r); repo != nil {
				h.submit(w, r, repo, nil, one.need, one.do)
			}
		})
	}
}

// pushCommit pushes one commit to a branch, new or not.
func (f *form) pushCommit() error {
	c, err := f.commit()
	if err != nil {
		return err
	}
	if c.Branch, err = f.refName("branch"); err != nil {
		return err
	}
	if c.From, err = f.from(f.repo, c.Branch); err != nil {
		return err
	}
	_, err = f.repo.Commit(f.Context(), c)
	return err
}

// from is what a commit to a branch stands on: what the field names, else the
// branch itself, else the default branch.
func (f *form) from(r *Repo, branch string) (string, error) {
	if from := f.text("from"); from != "" {
		return from, nil
	}
	for _, name := range []string{branch, r.defaultBranch} {
		sha, err := r.resolve(f.Context(), "heads/"+name)
		if sha != "" || err != nil {
			if name == branch {
				sha = "" // the branch as it is when the commit is made
			}
			return sha, err
		}
	}
	return "", nil
}

func (f *form) deleteBranch() error {
	name, err := f.branch(f.repo, "name")
	if err != nil {
		return err
	}
	if name == f.repo.defaultBranch {
		return errors.New("the default branch cannot be deleted")
	}
	return f.repo.Push(f.Context(), f.viewer, name, "")
}

func (f *form) makeTag() error {
	name, err := f.refName("name")
	if err != nil {
		return err
	}
	target := f.text("target")
	if target == "" {
		target = f.repo.defaultBranch
	}
	sha, err := f.repo.resolve(f.Context(), target)
	if err == nil && sha == "" {
		err = fmt.Errorf("there is no %s to tag", target)
	}
	if err != nil {
		return err
	}
	if was, err := f.repo.resolve(f.Context(), "tags/"+name); err != nil || was != "" {
		return errors.Join(err, fmt.Errorf("there is a tag %s already; delete it first", name))
	}
	return f.repo.Tag(f.Context(), f.viewer, name, sha)
}

func (f *form) deleteTag() error {
	name, err := f.refName("name")
	if err != nil {
		return err
	}
	return f.repo.Tag(f.Context(), f.viewer, name, "")
}

// openPull opens a pull request from a branch, after a commit to it when a
// path is given. With a fork's owner all of it is done as that login, in
// their fork, which is made when they have none.
func (f *form) openPull() error {
	n := NewPull{Title: f.line("title"), Body: f.body(), Author: f.viewer, Draft: f.PostFormValue("draft") != ""}
	head, err := f.headRepo()
	if err != nil {
		return err
	}
	if n.Base, err = f.branch(f.repo, "base"); err != nil {
		return err
	}
	branch, err := f.refName("branch")
	if err != nil {
		return err
	}
	n.Head = branch
	if head != f.repo {
		n.Author = head.Owner()
		n.Head = n.Author + ":" + branch
	}
	if f.text("path") != "" {
		c, err := f.commit()
		if err != nil {
			return err
		}
		if c.Branch, c.Author = branch, n.Author; n.Title == "" {
			n.Title, _, _ = strings.Cut(c.Message, "\n")
		}
		if c.From, err = f.from(head, branch); err != nil {
			return err
		}
		if _, err := head.Commit(f.Context(), c); err != nil {
			return err
		}
	}
	if _, err := head.branchTip(f.Context(), branch); err != nil {
		return fmt.Errorf("%s has no branch %s: name a file, and it is made", head.FullName(), branch)
	}
	number, err := f.repo.OpenPull(f.Context(), n)
	if err == nil {
		f.to = "/" + f.repo.FullName() + "/pull/" + strconv.Itoa(number)
	}
	return err
}

// headRepo is where the change of a new pull request goes.
func (f *form) headRepo() (*Repo, error) {
	login := f.text("fork")
	if login == "" || strings.EqualFold(login, f.repo.Owner()) {
		if why := f.mayNot(writer); why != "" {
			return nil, f.forbid("%s Use a fork.", why)
		}
		return f.repo, nil
	}
	if !ownerName.MatchString(login) {
		return nil, fmt.Errorf("nobody can have the login %q", login)
	}
	if fork := f.h.forkOf(f.repo, login); fork != nil {
		return fork, nil
	}
	return f.repo.Fork(login)
}

// setRule requires checks of branches.
func (f *form) setRule() error {
	pattern := f.text("pattern")
	if pattern == "" {
		return errors.New("name a branch or a pattern")
	}
	app, _ := strconv.ParseInt(f.PostFormValue("app"), 10, 64)
	var checks []RequiredCheck
	for line := range strings.Lines(f.text("checks")) {
		if name := strings.TrimSpace(line); name != "" {
			checks = append(checks, RequiredCheck{Context: name, AppID: app})
		}
	}
	if f.PostFormValue("kind") == "protection" {
		if _, err := f.refName("pattern"); err != nil {
			return err
		}
		f.repo.Protect(pattern, checks...)
		return nil
	}
	if len(checks) == 0 {
		return errors.New("a ruleset requires one check at least")
	}
	f.repo.SetRuleset(pattern, checks...)
	return nil
}

func (f *form) deleteRule() error {
	if f.PostFormValue("kind") == "protection" {
		f.repo.Unprotect(f.PostFormValue("pattern"))
	} else {
		f.repo.SetRuleset(f.PostFormValue("pattern"))
	}
	return nil
}

func (f *form) setAccess() error {
	login, level := f.text("login"), f.PostFormValue("permission")
	if _, known := levels[level]; !known || !ownerName.MatchString(login) {
		return errors.New("name a login and a permission")
	}
	f.repo.SetAccess(login, level)
	return nil
}

func (f *form) rename() error {
	err := f.repo.Rename(f.text("name"))
	f.to = "/" + f.repo.FullName() + "/settings"
	return err
}

func (f *form) transfer() error {
	err := f.repo.Transfer(f.text("owner"))
	f.to = "/" + f.repo.FullName()
	return err
}

// deleteRepo wants the name typed, as GitHub does.
func (f *form) deleteRepo() error {
	if name := f.repo.FullName(); f.text("confirm") != name {
		return fmt.Errorf("to delete it, type %s", name)
	}
	f.to = "/"
	return f.h.DeleteRepo(f.repo)
}
