package minihub

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"time"
)

// App is a GitHub App that is registered at a hub.
type App struct {
	hub     *Hub
	id      int64
	slug    string
	key     *rsa.PrivateKey
	bot     *user
	owner   *user
	created time.Time

	// Guarded by Hub.mu.
	installations []*installation
	hook          hook
	deliveries    []*delivery
	queue         []*delivery
	wake          chan struct{} // holds one
}

type installation struct {
	id      int64
	app     *App
	account *user
	// selected are the ids of the repositories; nil means all.
	selected map[int64]bool
	created  time.Time
	// suspended is when the account suspended the App; zero when it did not.
	suspended time.Time
	writes    writes
}

func (i *installation) covers(r *Repo) bool {
	return !r.gone && r.owner.id == i.account.id && (i.selected == nil || i.selected[r.id])
}

// App is the App that New registered.
func (h *Hub) App() *App { return h.app }

// NewApp registers one more App, with a key of its own.
func (h *Hub) NewApp(slug string) (*App, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, fmt.Errorf("make the key of App %s: %w", slug, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	a := &App{hub: h, id: h.nextID("app"), slug: slug, key: key, bot: h.user(slug + "[bot]"),
		owner: h.user(slug + "-owner"), created: h.now(), wake: make(chan struct{}, 1)}
	a.hook.id = h.nextID("hook")
	h.apps[a.id] = a
	h.work.Go(a.deliverLoop)
	return a, nil
}

// ID is the App's id.
func (a *App) ID() int64 { return a.id }

// PrivateKeyPEM is the App's private key, PKCS #1 in PEM, as GitHub hands it
// out.
func (a *App) PrivateKeyPEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(a.key)})
}

// WebhookSecret is the secret that deliveries are signed with.
func (a *App) WebhookSecret() string {
	a.hub.mu.Lock()
	defer a.hub.mu.Unlock()
	return a.hook.secret
}

// SetWebhook has events delivered to url from now on, signed with secret, and
// sends a ping. An empty url ends deliveries.
func (a *App) SetWebhook(url, secret string) {
	a.hub.mu.Lock()
	defer a.hub.mu.Unlock()
	a.hook.url, a.hook.secret = url, secret
	if url != "" {
		a.enqueue("ping", "", nil, nil, obj{"zen": "Keep it logically awesome.", "hook_id": a.hook.id, "hook": a.hookJSON()})
	}
	a.hub.touch()
}

// Install installs the first App on all repositories of owner, present and
// future, and returns the installation's id. A second call returns the same.
func (h *Hub) Install(owner string) int64 { return h.app.Install(owner) }

// Install installs the App on all repositories of owner and returns the
// installation's id. When it is installed there already it changes nothing.
func (a *App) Install(owner string) int64 { return a.install(owner, nil) }

// InstallOn installs the App on some repositories of owner, by name, and
// returns the installation's id. A later call replaces the selection.
func (a *App) InstallOn(owner string, repos ...string) int64 {
	return a.install(owner, append([]string{}, repos...))
}

func (a *App) install(owner string, names []string) int64 {
	h := a.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	account := h.user(owner)
	var selected map[int64]bool
	if names != nil {
		selected = map[int64]bool{}
		for _, n := range names {
			if r := h.repo(owner + "/" + n); r != nil {
				selected[r.id] = true
			}
		}
	}
	for _, in := range a.installations {
		if in.account == account {
			if names != nil {
				in.selected = selected
			}
			return in.id
		}
	}
	in := &installation{id: h.nextID("installation"), app: a, account: account, selected: selected, created: h.now()}
	a.installations = append(a.installations, in)
	a.enqueue("installation", "created", in, nil, obj{
		"installation": h.installationJSON(in), "repositories": briefRepos(h.reposOf(in)), "sender": h.userJSON(account)})
	h.touch()
	return in.id
}

// installationOf is the App's installation that covers a repository, or nil.
// mu is held.
func (a *App) installationOf(r *Repo) *installation {
	for _, in := range a.installations {
		if in.covers(r) {
			return in
		}
	}
	return nil
}

// reposOf are the repositories of an installation by id. mu is held.
func (h *Hub) reposOf(in *installation) []*Repo {
	var out []*Repo
	for _, r := range h.repos {
		if in.covers(r) {
			out = append(out, r)
		}
	}
	slices.SortFunc(out, func(a, b *Repo) int { return int(a.id - b.id) })
	return out
}

// appsByID are all Apps in order of registration. mu is held.
func (h *Hub) appsByID() []*App {
	return slices.SortedFunc(maps.Values(h.apps), func(a, b *App) int { return int(a.id - b.id) })
}
