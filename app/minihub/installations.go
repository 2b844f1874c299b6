package minihub

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

var errSuspended = refuse(http.StatusForbidden, "This installation has been suspended")

// on finds the App's installation on an account. mu is held.
func (a *App) on(owner string) (*installation, error) {
	u := a.hub.users[strings.ToLower(owner)]
	if u == nil {
		return nil, fmt.Errorf("nobody has the login %s", owner)
	}
	for _, in := range a.installations {
		if in.account == u {
			return in, nil
		}
	}
	return nil, fmt.Errorf("%s has not installed it", owner)
}

// withInstallation runs f on the App's installation on an account, in the
// name of that account.
func (a *App) withInstallation(verb, owner string, f func(*installation) error) error {
	a.hub.mu.Lock()
	defer a.hub.mu.Unlock()
	in, err := a.on(owner)
	if err == nil {
		err = f(in)
	}
	if err != nil {
		return fmt.Errorf("%s App %s on %s: %w", verb, a.slug, owner, err)
	}
	a.hub.touch()
	return nil
}

// briefRepos are repositories as the payloads about installations list them.
// mu is held.
func briefRepos(repos []*Repo) []obj {
	out := []obj{}
	for _, r := range repos {
		out = append(out, obj{"id": r.id, "node_id": nodeID("R", r.id), "name": r.name, "full_name": r.FullName(), "private": !r.public})
	}
	return out
}

// Uninstall removes the App from an account and tells it as
// installation.deleted. Its tokens are worth nothing from now on. It fails
// when the login is unknown or has not installed the App.
func (a *App) Uninstall(owner string) error {
	h := a.hub
	return a.withInstallation("uninstall", owner, func(in *installation) error {
		a.enqueue("installation", "deleted", in, nil, obj{"installation": h.installationJSON(in),
			"repositories": briefRepos(h.reposOf(in)), "sender": h.userJSON(in.account)})
		a.installations = slices.DeleteFunc(a.installations, func(other *installation) bool { return other == in })
		for s, t := range h.tokens {
			if t.in == in {
				delete(h.tokens, s)
			}
		}
		return nil
	})
}

// Suspend suspends the App on an account and tells it as
// installation.suspend. Until Unsuspend its tokens are refused, new ones too,
// and it is told of nothing but changes of the installation itself. It fails
// when the login is unknown, has not installed the App or suspended it before.
func (a *App) Suspend(owner string) error {
	return a.withInstallation("suspend", owner, func(in *installation) error {
		if !in.suspended.IsZero() {
			return errors.New("it is suspended already")
		}
		in.suspended = a.hub.now()
		a.suspensionEvent(in, "suspend")
		return nil
	})
}

// Unsuspend ends what Suspend did and tells it as installation.unsuspend.
// What happened meanwhile is never told. It fails when the App is not
// suspended there.
func (a *App) Unsuspend(owner string) error {
	return a.withInstallation("unsuspend", owner, func(in *installation) error {
		if in.suspended.IsZero() {
			return errors.New("it is not suspended")
		}
		in.suspended = time.Time{}
		a.suspensionEvent(in, "unsuspend")
		return nil
	})
}

func (a *App) suspensionEvent(in *installation, action string) {
	h := a.hub
	a.enqueue("installation", action, in, nil, obj{"installation": h.installationJSON(in), "sender": h.userJSON(in.account)})
}

// AddRepos adds repositories, by name, to an installation on selected
// repositories, and tells it as installation_repositories.added. It fails and
// changes nothing when the installation is on all repositories, or when one of
// the names is unknown or selected already.
func (a *App) AddRepos(owner string, names ...string) error {
	return a.withInstallation("add repositories to", owner, func(in *installation) error {
		repos, err := in.pick(names, false)
		if err != nil {
			return err
		}
		for _, r := range repos {
			in.selected[r.id] = true
		}
		a.selectionEvent(in, "added", repos, nil)
		return nil
	})
}

// RemoveRepos takes repositories, by name, from an installation on selected
// repositories, and tells it as installation_repositories.removed. It fails
// and changes nothing when the installation is on all repositories, when one
// of the names is not selected, or when none would be left: GitHub wants the
// App uninstalled then.
func (a *App) RemoveRepos(owner string, names ...string) error {
	return a.withInstallation("remove repositories from", owner, func(in *installation) error {
		repos, err := in.pick(names, true)
		if err != nil {
			return err
		}
		if len(repos) == len(a.hub.reposOf(in)) {
			return errors.New("no repository would be left; uninstall it instead")
		}
		for _, r := range repos {
			delete(in.selected, r.id)
		}
		a.selectionEvent(in, "removed", nil, repos)
		return nil
	})
}

// pick finds repositories of the account by name, each of which must or must
// not be selected. mu is held.
func (i *installation) pick(names []string, selected bool) ([]*Repo, error) {
	if i.selected == nil {
		return nil, errors.New("it is installed on all repositories")
	}
	if len(names) == 0 {
		return nil, errors.New("no repository is named")
	}
	var repos []*Repo
	for _, name := range names {
		r := i.app.hub.repo(i.account.login + "/" + name)
		switch {
		case r == nil:
			return nil, fmt.Errorf("there is no repository %s", name)
		case slices.Contains(repos, r):
			return nil, fmt.Errorf("%s is named twice", name)
		case i.selected[r.id] != selected && selected:
			return nil, fmt.Errorf("%s is not selected", name)
		case i.selected[r.id] != selected:
			return nil, fmt.Errorf("%s is selected already", name)
		}
		repos = append(repos, r)
	}
	return repos, nil
}

func (a *App) selectionEvent(in *installation, action string, added, removed []*Repo) {
	if !in.suspended.IsZero() {
		return
	}
	h := a.hub
	a.enqueue("installation_repositories", action, in, nil, obj{
		"installation": h.installationJSON(in), "repository_selection": in.selection(), "repositories_added": briefRepos(added),
		"repositories_removed": briefRepos(removed), "requester": nil, "sender": h.userJSON(in.account)})
}

// Permit changes what every App may do, as when its owner changes the App's
// permissions and all accounts accept them at once; that is told as
// installation.new_permissions_accepted. Tokens keep what they were minted
// with.
func (h *Hub) Permit(permission, level string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.opts.Permissions = maps.Clone(h.opts.Permissions)
	h.opts.Permissions[permission] = level
	for _, a := range h.appsByID() {
		for _, in := range a.installations {
			a.enqueue("installation", "new_permissions_accepted", in, nil, obj{"installation": h.installationJSON(in), "sender": h.userJSON(in.account)})
		}
	}
	h.touch()
}
