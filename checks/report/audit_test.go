package report_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/report"
)

// memoryHub is a GitHub that may have lost something, or have it twice.
type memoryHub struct {
	clerk
	shown map[int64]checks.ShownCheck
	next  int64
	lists int
	deaf  []error // answers of the next lists
}

func (h *memoryHub) Put(_ context.Context, cr checks.CheckRun, id int64) (int64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, there := h.shown[id]; !there {
		h.next++
		id = h.next
	}
	if h.shown == nil {
		h.shown = map[int64]checks.ShownCheck{}
	}
	h.shown[id] = checks.ShownCheck{ID: id, ExternalID: cr.Key.String(), Name: cr.Key.Name, Status: cr.Status, Conclusion: cr.Conclusion}
	return id, nil
}

func (h *memoryHub) Shown(context.Context, int64, checks.Repo, string) ([]checks.ShownCheck, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lists++
	if len(h.deaf) > 0 {
		err := h.deaf[0]
		h.deaf = h.deaf[1:]
		return nil, err
	}
	var out []checks.ShownCheck
	for _, s := range h.shown {
		out = append(out, s)
	}
	return out, nil
}

// state is what the hub shows, as name, status and conclusion.
func (h *memoryHub) state() (out []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, s := range h.shown {
		out = append(out, fmt.Sprintf("%s %s %s", s.Name, s.Status, s.Conclusion))
	}
	slices.Sort(out)
	return out
}

// spoil has something happen to what is shown.
func (h *memoryHub) spoil(do func(*memoryHub)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	do(h)
}

// change is for spoil.
func (h *memoryHub) change(name string, do func(*checks.ShownCheck)) {
	for id, s := range h.shown {
		if s.Name == name {
			do(&s)
			h.shown[id] = s
		}
	}
}

func (p *plant) Recent(int) (out []checks.Run, _ error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.runs {
		out = append(out, *r)
	}
	return out, nil
}

func (p *plant) Commit(_ context.Context, c checks.Commit) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, key := range c.Dirty {
		p.dirty(key.Run, key.Name)
	}
	return nil
}

// TestAuditorMendsWhatGitHubShows has a run that was told whole be changed at
// GitHub in each way, and an auditor that starts, or that is told of it.
func TestAuditorMendsWhatGitHubShows(t *testing.T) {
	hang := func(s *checks.ShownCheck) { s.Status, s.Conclusion = checks.StatusInProgress, "" }
	for name, spoil := range map[string]func(*memoryHub){
		"nothing":   func(*memoryHub) {},
		"missing":   func(h *memoryHub) { h.shown = nil },
		"hanging":   func(h *memoryHub) { h.change("p0001", hang) },
		"aggregate": func(h *memoryHub) { h.change(checks.AggregateName, hang) },
		"wrong": func(h *memoryHub) {
			h.change("p0002", func(s *checks.ShownCheck) { s.Conclusion = checks.ConclusionFailure })
		},
		"unreadable": func(h *memoryHub) {
			h.change("p0000", hang)
			h.deaf = []error{checks.Errorf(checks.KindUnavailable, nil, "down")}
		},
	} {
		for _, fresh := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s, at the start: %v", name, fresh), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					p, hub := newPlant(), &memoryHub{}
					defer reporting(p, hub, report.Limits{})()
					p.add("r1", 1, 3)
					synctest.Wait()
					p.endAtOnce("r1")
					synctest.Wait()
					want := hub.state()
					if len(want) != 4 {
						t.Fatalf("GitHub shows %v", want)
					}
					if fresh {
						hub.spoil(spoil)
					}
					a := report.NewAuditor(report.AuditOptions{Store: p, Sink: hub, BaseURL: "http://x", Wake: p.wake, Log: zerolog.Nop()})
					ctx, cancel := context.WithCancel(context.Background())
					done := make(chan struct{})
					go func() { defer close(done); a.Run(ctx) }()
					defer func() { cancel(); <-done }()
					time.Sleep(10 * time.Second)
					if !fresh {
						hub.spoil(spoil)
						a.Suspect("r1")
						time.Sleep(10 * time.Second)
					}
					if got := hub.state(); !slices.Equal(got, want) {
						t.Errorf("GitHub shows %v, want %v", got, want)
					}
					lists, later := 0, 0
					hub.spoil(func(h *memoryHub) { lists = h.lists })
					time.Sleep(time.Hour)
					hub.spoil(func(h *memoryHub) { later = h.lists })
					if later != lists || lists > 3 {
						t.Errorf("it looked %d times, and %d times when all was well", lists, later-lists)
					}
				})
			})
		}
	}
}

func TestAuditorEndsWhatIsThereTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, hub := newPlant(), &memoryHub{}
		defer reporting(p, hub, report.Limits{})()
		p.add("r1", 1, 1)
		p.endAtOnce("r1")
		synctest.Wait()
		hub.spoil(func(h *memoryHub) {
			h.shown[77] = checks.ShownCheck{ID: 77, ExternalID: "r1/p0000", Name: "p0000", Status: checks.StatusInProgress}
		})
		a := report.NewAuditor(report.AuditOptions{Store: p, Sink: hub, BaseURL: "http://x", Log: zerolog.Nop()})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); a.Run(ctx) }()
		time.Sleep(10 * time.Second)
		cancel()
		<-done
		if got := hub.state(); !slices.Equal(got, []string{"loktar completed success", "p0000 completed success", "p0000 completed success"}) {
			t.Errorf("GitHub shows %v", got)
		}
	})
}
