package minihub

import (
	"strings"
	"sync"
	"time"
)

// user is an account: a person, the owner of repositories, or an App's bot.
type user struct {
	id    int64
	login string
	kind  string // User or Bot
}

// pull is a pull request.
type pull struct {
	id                  int64
	number              int
	title, body         string
	author              *user
	draft               bool
	open, merged        bool
	created, updated    time.Time
	closed, mergedAt    time.Time
	mergedBy            *user
	headRepo            *Repo
	headRef, headSHA    string
	baseRef, baseSHA    string
	labels              []*label
	facts               pullFacts
	mergeableUnanswered bool // the next GET says that GitHub still computes
}

// pullFacts is what git says of a pull request's head and base.
type pullFacts struct {
	commits, additions, deletions, files int
	mergeable                            bool
	mergeSHA                             string   // refs/pull/N/merge, or the commit that merged it
	list                                 []string // the newest commits, oldest first; all were read
}

// suite gathers one App's check runs on one commit.
type suite struct {
	id               int64
	app              *App
	repo             *Repo
	headSHA          string
	headBranch       string // empty is null
	before           string
	created, updated time.Time
	// reset is set by a re-request until the App writes again: the suite is
	// queued whatever its check runs say.
	reset bool
	// told is set while check_suite.completed was sent and still holds.
	told bool
}

// Annotation is one annotation of a check run. Columns are 0 when not given.
type Annotation struct {
	Path                   string
	StartLine, EndLine     int
	StartColumn, EndColumn int
	Level                  string
	Title                  string
	Message                string
	RawDetails             string
}

// Action is a button that an App put on a check run.
type Action struct {
	Label, Description, Identifier string
}

// CheckRun is the state of a check run at one moment.
type CheckRun struct {
	ID, AppID, SuiteID int64
	Repo               string // OWNER/NAME
	HeadSHA            string
	Name               string
	ExternalID         string
	DetailsURL         string
	Status             string
	Conclusion         string // empty unless Status is completed
	StartedAt          time.Time
	CompletedAt        time.Time // zero unless Status is completed
	HasOutput          bool
	Title              string
	Summary            string
	Text               string
	Annotations        []Annotation
	Actions            []Action
	// Writes counts the POST and the PATCHes that made this state.
	Writes int
}

type checkRun struct {
	CheckRun
	app   *App
	suite *suite
}

// PullRequest is the state of a pull request at one moment.
type PullRequest struct {
	ID         int64
	Number     int
	Title      string
	Author     string
	State      string // open or closed
	Merged     bool
	Draft      bool
	HeadRepo   string // OWNER/NAME
	HeadBranch string
	HeadSHA    string
	BaseBranch string
	BaseSHA    string
	Mergeable  bool
	MergeSHA   string   // empty when there is none
	Labels     []string // in the order in which they came
}

func (p *pull) snapshot() PullRequest {
	return PullRequest{ID: p.id, Number: p.number, Title: p.title, Author: p.author.login, State: p.state(),
		Merged: p.merged, Draft: p.draft, HeadRepo: p.headRepo.FullName(), HeadBranch: p.headRef, HeadSHA: p.headSHA,
		BaseBranch: p.baseRef, BaseSHA: p.baseSHA, Mergeable: p.facts.mergeable, MergeSHA: p.facts.mergeSHA, Labels: p.labelNames()}
}

func (p *pull) state() string {
	if p.open {
		return "open"
	}
	return "closed"
}

// Repo is a repository of a hub. Its exported methods may be called from many
// goroutines.
type Repo struct {
	hub           *Hub
	id            int64
	dir           string
	defaultBranch string
	public        bool
	created       time.Time

	// A move changes them with Hub.refMu, Hub.mu and nameMu held; whoever
	// holds one of these may read them.
	owner  *user
	name   string
	nameMu sync.RWMutex

	// Guarded by Hub.mu.
	parent         *Repo // nil for what is no fork
	archived, gone bool
	// queue changes with Hub.refMu held too. Its order is that of the merges.
	queue      []*mergeGroup
	pushed     time.Time
	access     map[int64]string // user id -> read, write, admin
	lastNumber int
	pulls      map[int]*pull
	runs       []*checkRun // in order of creation
	suites     []*suite
	rules      branchRules
	threads    map[int]*thread   // by number; those that were asked for
	labels     map[string]*label // by lower-case name
	releases   []*release        // by id
	latest     *release          // nil for none

	commitMu sync.Mutex
	commits  map[string]*commit
}

// ID is the repository's id in the API and in payloads.
func (r *Repo) ID() int64 { return r.id }

// FullName is OWNER/NAME, as it is at present.
func (r *Repo) FullName() string {
	r.nameMu.RLock()
	defer r.nameMu.RUnlock()
	return r.owner.login + "/" + r.name
}

// Owner is the login of the owner.
func (r *Repo) Owner() string {
	r.nameMu.RLock()
	defer r.nameMu.RUnlock()
	return r.owner.login
}

// Name is the name without the owner.
func (r *Repo) Name() string {
	r.nameMu.RLock()
	defer r.nameMu.RUnlock()
	return r.name
}

// Dir is the bare git folder. Refs changed in it behind the hub's back make
// no events.
func (r *Repo) Dir() string { return r.dir }

// CloneURL is the address for git.
func (r *Repo) CloneURL() string { return r.hub.URL() + "/" + r.FullName() + ".git" }

// user returns the account of a login, made when missing. mu is held.
func (h *Hub) user(login string) *user {
	key := strings.ToLower(login)
	u := h.users[key]
	if u == nil {
		u = &user{id: h.nextID("user"), login: login, kind: "User"}
		if strings.HasSuffix(login, "[bot]") {
			u.kind = "Bot"
		}
		h.users[key] = u
	}
	return u
}

// repo finds a repository by OWNER/NAME, in any case. mu is held.
func (h *Hub) repo(fullName string) *Repo { return h.repos[strings.ToLower(fullName)] }

// permission is what a user may do in the repository: none, read, write or
// admin. Hub.mu is held.
func (r *Repo) permission(u *user) string {
	if u != nil && u.id == r.owner.id {
		return "admin"
	}
	if u != nil && r.access[u.id] != "" {
		return r.access[u.id]
	}
	if r.public {
		return "read"
	}
	return "none"
}
