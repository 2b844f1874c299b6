package storetest

import (
	"fmt"
	"time"

	"github.com/dudesons/loktar/checks"
)

const (
	shaA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	shaB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

var someTime = time.Date(2026, 9, 1, 11, 59, 58, 123456789, time.UTC)

func event(guid string) checks.Event {
	return checks.Event{
		Delivery:     guid,
		Kind:         checks.EventPullRequest,
		Name:         "pull_request.opened",
		Received:     someTime,
		Installation: 7,
		Repo:         checks.Repo{ID: 11, Owner: "acme", Name: "shop"},
		Sender:       checks.User{ID: 3, Login: "ann"},
		HeadSHA:      shaA,
		PullRequest: &checks.PullRequest{
			Number: 5,
			Title:  "Sell <b>more</b> ✓",
			Author: checks.User{ID: 3, Login: "ann"},
			Head:   checks.Ref{SHA: shaA, Branch: "more", Repo: checks.Repo{ID: 11, Owner: "acme", Name: "shop"}},
			Base:   checks.Ref{SHA: shaB, Branch: "main", Repo: checks.Repo{ID: 11, Owner: "acme", Name: "shop"}},
		},
	}
}

func run(seq uint64, sha string) checks.Run {
	return checks.Run{
		ID:       fmt.Sprintf("run%05d", seq),
		Seq:      seq,
		Delivery: fmt.Sprintf("guid-%d", seq),
		Trigger:  "pull_request.opened",
		Repo:     checks.Repo{ID: 11, Owner: "acme", Name: "shop"},
		HeadSHA:  sha,
		BaseSHA:  shaB,
		Created:  someTime,
		Packages: []string{"lib", "api"},
	}
}

func job(run checks.Run, index int, name string) checks.Job {
	return checks.Job{
		Run:     run.ID,
		Index:   index,
		State:   checks.StateQueued,
		Queued:  someTime,
		Reasons: []checks.Reason{{Kind: checks.ReasonFile, Subject: "services/" + name + "/main.py", Dir: "services/" + name}},
		Package: checks.Package{
			Name:     name,
			Dir:      "services/" + name,
			TestType: checks.TestMake,
			Timeout:  20 * time.Minute,
			Env:      map[string]string{"A": "1"},
			Network:  true,
		},
	}
}

func key(run checks.Run, name string) checks.CheckKey {
	return checks.CheckKey{Run: run.ID, Name: name}
}
