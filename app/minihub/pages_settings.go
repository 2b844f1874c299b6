package minihub

import (
	"errors"
	"maps"
	"net/http"
	"slices"
	"strings"
)

type ruleRow struct {
	Kind, KindName, Pattern string
	Checks                  []string
}

type accessRow struct{ Login, Permission string }

type appRow struct {
	ID                                    int64
	Slug                                  string
	Installed, Suspended, Selective, Here bool
}

type settingsPageData struct {
	frame
	Owner, Name string
	Rules       []ruleRow
	Seen        []string // names of checks that were reported
	Access      []accessRow
	Apps        []appRow
	MayInstall  bool
}

func (h *Hub) settingsPage(w http.ResponseWriter, r *http.Request) {
	repo := h.pageRepo(w, r)
	if repo == nil {
		return
	}
	d := settingsPageData{frame: h.frame(r, repo, "Settings · "+repo.FullName(), "/"+repo.FullName()+"/settings")}
	d.Tab = "settings"
	h.mu.Lock()
	d.Owner, d.Name = repo.owner.login, repo.name
	d.MayInstall = strings.EqualFold(d.Viewer, d.Owner)
	allowed := levels[repo.permission(h.users[lower(d.Viewer)])] >= levels["admin"]
	h.settings(repo, &d)
	h.mu.Unlock()
	if !allowed {
		h.fail(w, r, repo, http.StatusForbidden, d.Viewer+" is no administrator of "+d.Repo+".")
		return
	}
	render(w, http.StatusOK, "settings.html", d)
}

// settings reads what the page shows. mu is held.
func (h *Hub) settings(r *Repo, d *settingsPageData) {
	names := func(checks []RequiredCheck) (out []string) {
		for _, c := range checks {
			name := c.Context
			if a := h.apps[c.AppID]; a != nil {
				name += " by " + a.slug
			}
			out = append(out, name)
		}
		return out
	}
	for _, branch := range slices.Sorted(maps.Keys(r.rules.classic)) {
		d.Rules = append(d.Rules, ruleRow{"protection", "Branch protection rule", branch, names(r.rules.classic[branch])})
	}
	for _, s := range r.rules.rulesets {
		d.Rules = append(d.Rules, ruleRow{"ruleset", "Ruleset", s.pattern, names(s.checks)})
	}
	for _, run := range r.runs {
		if !slices.Contains(d.Seen, run.Name) {
			d.Seen = append(d.Seen, run.Name)
		}
	}
	slices.Sort(d.Seen)
	for _, key := range slices.Sorted(maps.Keys(h.users)) {
		if u := h.users[key]; levels[r.access[u.id]] > 0 {
			d.Access = append(d.Access, accessRow{u.login, r.access[u.id]})
		}
	}
	for _, a := range h.appsByID() {
		row := appRow{ID: a.id, Slug: a.slug}
		for _, in := range a.installations {
			if in.account == r.owner {
				row.Installed, row.Suspended, row.Selective, row.Here = true, !in.suspended.IsZero(), in.selected != nil, in.covers(r)
			}
		}
		d.Apps = append(d.Apps, row)
	}
}

// pageApp finds the App of a path, or nil.
func (h *Hub) pageApp(r *http.Request) *App {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, a := range h.appsByID() {
		if a.slug == r.PathValue("slug") {
			return a
		}
	}
	return nil
}

// installationForm changes an App's installation on an account, whose owner
// alone may.
func (h *Hub) installationForm(w http.ResponseWriter, r *http.Request) {
	a, account := h.pageApp(r), r.PathValue("account")
	if a == nil || !ownerName.MatchString(account) {
		http.NotFound(w, r)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	viewer := h.viewer(r, nil)
	if viewer == "" { // the pages of the account's repositories default to it
		viewer = account
	}
	if !strings.EqualFold(viewer, account) {
		h.fail(w, r, nil, http.StatusForbidden, viewer+" may not change what is installed on "+account+".")
		return
	}
	var err error
	name := r.PostFormValue("repo")
	switch r.PostFormValue("do") {
	case "install", "install-here":
		h.mu.Lock()
		_, none := a.on(account)
		h.mu.Unlock()
		switch {
		case none == nil:
			err = errors.New("it is installed already")
		case r.PostFormValue("do") == "install":
			a.Install(account)
		default:
			a.InstallOn(account, name)
		}
	case "uninstall":
		err = a.Uninstall(account)
	case "suspend":
		err = a.Suspend(account)
	case "unsuspend":
		err = a.Unsuspend(account)
	case "add":
		err = a.AddRepos(account, name)
	case "remove":
		err = a.RemoveRepos(account, name)
	default:
		h.fail(w, r, nil, http.StatusBadRequest, "The form does not say what to do.")
		return
	}
	if err != nil {
		h.fail(w, r, nil, http.StatusConflict, err.Error())
		return
	}
	http.Redirect(w, r, localPath(r.PostFormValue("return"), "/"), http.StatusSeeOther)
}
