package docker_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/network"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// severed runs t in a sandbox of a process that dies once the job has printed
// text, and opens the sandbox of the next one.
func severed(t *testing.T, task func(b *bench) runner.Task, text string, change ...func(*docker.Options)) (*bench, runner.Task, string) {
	t.Helper()
	return severedTo(t, task, text, func(*docker.Options) {}, change...)
}

// severedTo is severed that opens the next sandbox with options of its own.
func severedTo(t *testing.T, task func(b *bench) runner.Task, text string, then func(*docker.Options), change ...func(*docker.Options)) (*bench, runner.Task, string) {
	t.Helper()
	d := newDoor(t)
	var opened docker.Options
	b := setUp(t, func(o *docker.Options) {
		o.Host, o.Wanted = "unix://"+d.path, func(runner.Left) bool { return false }
		for _, f := range change {
			f(o)
		}
		opened = *o
	})
	job := task(b)
	out := newOutput()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = b.Run(t.Context(), job, out) // whatever it makes of its end
	}()
	out.await(t, text)
	d.cut()
	<-done
	opened.Host = ""
	opened.Wanted = func(left runner.Left) bool { return left.Job == job.Job && left.Attempt == job.Attempt }
	then(&opened)
	next, err := docker.New(t.Context(), opened)
	if err != nil {
		t.Fatal(err)
	}
	b.Sandbox = next
	t.Cleanup(func() {
		if err := next.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		b.wantNothingLeft(context.Background())
		d.open() // for the other to close
	})
	return b, job, out.String()
}

func (b *bench) attempt(steps ...string) runner.Task {
	t := b.task(steps...)
	t.Attempt, t.Clean = 1, []string{"echo cleaned"}
	return t
}

// awaitEnd waits until no container of the bench's jobs runs.
func (b *bench) awaitEnd(t *testing.T) {
	t.Helper()
	b.awaitEndBut(t, "\n")
}

// awaitEndBut waits until none runs but those whose names end so.
func (b *bench) awaitEndBut(t *testing.T, end string) {
	t.Helper()
	b.awaitNone(t, func(name string) bool { return !strings.HasSuffix(name, end) })
}

// awaitServices waits until no service of the bench's runs.
func (b *bench) awaitServices(t *testing.T) {
	t.Helper()
	b.awaitNone(t, func(name string) bool { return strings.HasSuffix(name, "-db") })
}

// awaitNone waits until no container of the bench's jobs runs of such a name.
func (b *bench) awaitNone(t *testing.T, such func(name string) bool) {
	t.Helper()
	running := filters.NewArgs(filters.Arg("label", docker.LabelInstance+"="+b.instance), filters.Arg("label", docker.LabelJob), filters.Arg("status", "running"))
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(30 * time.Second); ; {
		found, err := dockertest.Engine(t).ContainerList(t.Context(), container.ListOptions{Filters: running})
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(found, func(c container.Summary) bool { return such(c.Names[0]) }) {
			return
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the job goes on and on")
		}
	}
}

const slow = `i=0; while [ $i -lt 200 ]; do echo line $i; i=$((i+1)); if [ $i = 100 ]; then echo half; sleep 2; fi; done; printf 'no line feed'; exit 3`

var headings = regexp.MustCompile(`## [^\n]*\n`)

// content is what a job printed, without headings.
func content(text string) string {
	return headings.ReplaceAllString(text, "")
}

func TestResumeGoesOn(t *testing.T) {
	for _, ended := range []bool{false, true} {
		t.Run(map[bool]string{false: "while it runs", true: "when it ended"}[ended], func(t *testing.T) {
			b, job, before := severed(t, func(b *bench) runner.Task { return b.attempt(slow) }, "half\n")
			if ended {
				b.awaitEnd(t)
			}
			if err := b.Reap(t.Context()); err != nil {
				t.Fatal(err)
			}
			left, ok := b.Left(job.Job, 1)
			if !ok || left.Tree != b.tree {
				t.Fatalf("Left: %+v, %v", left, ok)
			}
			if _, ok := b.Left(job.Job, 2); ok {
				t.Error("something is left of an attempt that was never begun")
			}
			out := newOutput()
			exit, err := b.Resume(t.Context(), job, out)
			if err != nil {
				t.Fatalf("Resume: %v\n%s", err, out)
			}
			if exit.Code != 3 || exit.Cancelled || exit.TimedOut || exit.Image == "" {
				t.Errorf("exit %+v", exit)
			}
			if !strings.HasPrefix(content(out.String()), content(before)) {
				t.Errorf("what came before is not the start of what comes again:\n%s", out)
			}
			var want strings.Builder
			for i := range 200 {
				fmt.Fprintf(&want, "line %d\n", i)
				if i == 99 {
					want.WriteString("half\n")
				}
			}
			if got := content(out.String()); got != want.String()+"no line feedcleaned\n" {
				t.Errorf("printed %q", got)
			}
			if _, ok := b.Left(job.Job, 1); ok {
				t.Error("it can be resumed once more")
			}
			b.wantNothingLeft(t.Context())
		})
	}
}

func TestResumeTakesWhatTheJobLeft(t *testing.T) {
	for _, at := range []string{"half", "in the clean lines"} {
		t.Run(at, func(t *testing.T) {
			var kept []string
			takes := func(b *bench) runner.Task {
				job := b.attempt(`echo content >file; echo half; sleep 1`)
				job.Clean = []string{"rm file; echo in the clean lines; sleep 2; echo cleaned"}
				job.Save = func() ([]byte, error) { return json.Marshal(kept) }
				job.Load = func(saved []byte) error { return json.Unmarshal(saved, &kept) }
				job.Artifacts = &runner.Artifacts{Globs: []string{"file"}, Lenient: true, Collect: func(_ context.Context, name string, _ int64, _ fs.FileMode, open func() (io.ReadCloser, error)) error {
					kept = append(kept, name)
					f, err := open()
					if err != nil {
						return err
					}
					return f.Close()
				}}
				return job
			}
			b, job, _ := severed(t, takes, at+"\n")
			kept = nil
			out := newOutput()
			exit, err := b.Resume(t.Context(), job, out)
			if err != nil || exit.Code != 0 || exit.Artifacts != 1 || len(kept) != 1 || kept[0] != "file" {
				t.Errorf("exit %+v, %v, kept %q\n%s", exit, err, kept, out)
			}
			if got := content(out.String()); got != "half\nin the clean lines\ncleaned\n" {
				t.Errorf("printed %q of %s", got, out)
			}
			b.wantNothingLeft(t.Context())
		})
	}
}

func TestResumeKeepsTheTimeout(t *testing.T) {
	b, job, _ := severed(t, func(b *bench) runner.Task {
		job := b.attempt("echo half; sleep 300")
		job.Timeout = 3 * time.Second
		return job
	}, "half\n")
	exit, err := b.Resume(t.Context(), job, newOutput())
	if err != nil || !exit.TimedOut {
		t.Errorf("exit %+v, %v", exit, err)
	}
	b.wantNothingLeft(t.Context())
}

// The next process is told the secrets that a job was given, but for their
// values, and finds these where the job's container has them.
func TestResumeKnowsItsSecrets(t *testing.T) {
	const given = "GIT_CONFIG_COUNT,TOKEN"
	b, job, before := severed(t, func(b *bench) runner.Task {
		job := b.attempt(`echo "$TOKEN, $OTHER, $GIT_CONFIG_COUNT"; echo half; sleep 300`)
		job.Env = map[string]string{"TOKEN": "of env", "OTHER": "of env"}
		job.Secrets = map[string]string{"TOKEN": "the secret=1", "GIT_CONFIG_COUNT": "0000"}
		return job
	}, "half\n")
	contains(t, before, "the secret=1, of env, 0000\n")
	left, _ := b.Left(job.Job, 1)
	if got := strings.Join(left.Secrets, ","); got != given {
		t.Errorf("it was given %q", got)
	}
	held, err := b.Env(t.Context(), job.Job, left.Secrets)
	if err != nil || len(held) != 2 || held["TOKEN"] != "the secret=1" || held["GIT_CONFIG_COUNT"] != "0000" {
		t.Errorf("got %q, %v", held, err)
	}
	_, err = b.Env(t.Context(), job.Job, []string{"TOKEN", "NONE"})
	wantKind(t, err, checks.KindLost, "not all of the secrets")
	files, err := filepath.Glob(filepath.Join(b.work, "*", docker.RecordFile))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	if text, err := os.ReadFile(files[0]); err != nil || strings.Contains(string(text), "the secret") {
		t.Errorf("its record is %s, %v", text, err)
	}
	b.Abandon(t.Context(), job.Job, func() {})
}

// TestResumeAfterTheTimeout takes a job up once its time is over. It ran out for
// the steps that were not over by then, whenever they were, and for no others.
func TestResumeAfterTheTimeout(t *testing.T) {
	const timeout = 5 * time.Second
	for name, c := range map[string]struct {
		step, clean string
		service     string // its end is waited for too
		runs        bool   // the job, when it is taken up
		timedOut    bool
	}{
		"ended in time":                     {step: "sleep 1", clean: "echo cleaned", service: "sleep 10"},
		"ended in time, and cleaned longer": {step: "sleep 1", clean: "sleep 9; echo cleaned", service: "sleep 2"},
		"in time, and still cleans":         {step: "sleep 1", clean: "sleep 20; echo cleaned", service: "sleep 10", runs: true},
		"ended late":                        {step: "sleep 9", clean: "echo cleaned", service: "sleep 2", timedOut: true},
		"late, and still cleans":            {step: "sleep 8", clean: "sleep 20; echo cleaned", service: "sleep 12", runs: true, timedOut: true},
		"still runs":                        {step: "sleep 300", clean: "echo cleaned", service: "sleep 10", runs: true, timedOut: true},
	} {
		t.Run(strings.ReplaceAll(name, ",", ""), func(t *testing.T) {
			b, job, _ := severed(t, func(b *bench) runner.Task {
				job := b.with(c.service, "", "echo half; "+c.step+"; exit 3")
				job.Attempt, job.Clean, job.Timeout = 1, []string{c.clean}, timeout
				return job
			}, "half\n")
			if c.runs {
				b.awaitServices(t)
			} else {
				b.awaitEnd(t)
			}
			out := newOutput()
			exit, err := b.Resume(t.Context(), job, out)
			if err != nil || exit.TimedOut != c.timedOut || exit.Cancelled || !c.timedOut && exit.Code != 3 {
				t.Errorf("exit %+v, %v\n%s", exit, err, out)
			}
			if !strings.Contains(out.String(), "cleaned\n") || strings.Contains(out.String(), "The timeout of 5s is over") != c.timedOut {
				t.Errorf("the log is\n%s", out)
			}
			b.wantNoSidecars()
		})
	}
}

// What the services took of a job's time counts when it is taken up too.
func TestResumeCountsTheServicesTime(t *testing.T) {
	b, job, _ := severedTo(t, func(b *bench) runner.Task {
		job := b.with("exec sleep 1000", "", "echo half; sleep 300")
		job.Attempt, job.Timeout = 1, time.Hour
		return job
	}, "half\n", func(o *docker.Options) {
		rewrite(t, o, func(record map[string]any) {
			if spent, _ := record["spent"].(float64); spent <= 0 || spent > float64(time.Minute) {
				t.Errorf("its services took %v", record["spent"])
			}
			record["spent"] = time.Hour
		})
	})
	if exit, err := b.Resume(t.Context(), job, newOutput()); err != nil || !exit.TimedOut {
		t.Errorf("exit %+v, %v", exit, err)
	}
	b.wantNoSidecars()
}

func TestResumeCanBeStopped(t *testing.T) {
	b, job, _ := severed(t, func(b *bench) runner.Task { return b.attempt("echo half; sleep 300") }, "half\n")
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := newOutput()
	go func() {
		out.await(t, "half\n")
		stop()
	}()
	exit, err := b.Resume(ctx, job, out)
	if err != nil || !exit.Cancelled || !strings.Contains(out.String(), "cleaned\n") {
		t.Errorf("exit %+v, %v\n%s", exit, err, out)
	}
	b.wantNothingLeft(t.Context())
}

func TestResumeOfWhatIsGone(t *testing.T) {
	b, job, _ := severed(t, func(b *bench) runner.Task { return b.attempt("echo half; sleep 300") }, "half\n")
	mine := filters.NewArgs(filters.Arg("label", docker.LabelInstance+"="+b.instance), filters.Arg("label", docker.LabelJob))
	found, err := dockertest.Engine(t).ContainerList(t.Context(), container.ListOptions{All: true, Filters: mine})
	if err != nil || len(found) != 1 {
		t.Fatalf("%v, %v", found, err)
	}
	if err := dockertest.Engine(t).ContainerRemove(t.Context(), found[0].ID, container.RemoveOptions{Force: true, RemoveVolumes: true}); err != nil {
		t.Fatal(err)
	}
	_, err = b.Resume(t.Context(), job, newOutput())
	wantKind(t, err, checks.KindLost, "its container is gone")
	_, err = b.Resume(t.Context(), job, newOutput())
	wantKind(t, err, checks.KindLost, "nothing is left of it")
	if err := b.Reap(t.Context()); err != nil {
		t.Error(err)
	}
	b.wantNothingLeft(t.Context())
}

// What is given up is removed at once, and it is told when.
func TestAbandon(t *testing.T) {
	b, job, _ := severed(t, func(b *bench) runner.Task { return b.attempt("echo half; sleep 300") }, "half\n")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	gone := 0
	for range 2 {
		b.Abandon(ctx, job.Job, func() { gone++ })
	}
	if gone != 1 {
		t.Errorf("told %d times that it is gone", gone)
	}
	b.wantNothingLeft(t.Context())
}

// What the engine did not remove when it was given up, the next job removes.
func TestAbandonWithoutTheEngine(t *testing.T) {
	var next *door
	b, job, _ := severedTo(t, func(b *bench) runner.Task { return b.attempt("echo half; sleep 300") }, "half\n", func(o *docker.Options) {
		next = newDoor(t)
		o.Host = "unix://" + next.path
	})
	gone := false
	next.cut()
	b.Abandon(t.Context(), job.Job, func() { gone = true })
	next.open()
	if gone {
		t.Error("told that it is gone while the engine was away")
	}
	exit, out := b.run(b.task("echo next"))
	if exit.Code != 0 || !gone {
		t.Errorf("gone: %v, %+v\n%s", gone, exit, out)
	}
	b.wantNothingLeft(t.Context())
}

// A job that was asked to end while nobody was with it has its verdict where a
// container that the engine ends with it still runs. Else it says nothing about
// the code, whatever it exited with.
func TestResumeOfWhatWasInterrupted(t *testing.T) {
	for name, c := range map[string]struct {
		witness, dies bool
		kind          checks.Kind
		text          string
	}{
		"witnessed":    {true, false, 0, ""},
		"by an engine": {true, true, checks.KindUnavailable, "Docker engine"},
		"unwitnessed":  {false, false, checks.KindLost, "had asked it to end"},
	} {
		t.Run(name, func(t *testing.T) {
			b, job, _ := severed(t, func(b *bench) runner.Task {
				task := b.with(serves("pong"), "7000", "trap 'exit 0' TERM; echo half; while :; do sleep 0.1 || :; done")
				task.Attempt, task.Image = 1, dockertest.Image(t)
				return task
			}, "half\n", func(o *docker.Options) {
				if !c.witness {
					o.Image = "127.0.0.1:1/none:none"
				}
			})
			if c.dies {
				b.signal(t, "KILL", false)
			}
			b.endSteps(t)
			exit, err := b.Resume(t.Context(), job, newOutput())
			if c.text != "" {
				wantKind(t, err, c.kind, c.text)
			} else if err != nil || exit.Code != 0 {
				t.Errorf("exit %+v, %v", exit, err)
			}
			b.wantNoSidecars()
		})
	}
}

// endSteps asks the containers of steps to end, and waits until they have.
func (b *bench) endSteps(t *testing.T) {
	t.Helper()
	engine := dockertest.Engine(t)
	mine := filters.NewArgs(filters.Arg("label", docker.LabelInstance+"="+b.instance), filters.Arg("label", docker.LabelJob))
	found, err := engine.ContainerList(t.Context(), container.ListOptions{Filters: mine})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range found {
		if strings.HasSuffix(c.Names[0], "-db") {
			continue
		}
		ended, failed := engine.ContainerWait(t.Context(), c.ID, container.WaitConditionNotRunning)
		if err := engine.ContainerKill(t.Context(), c.ID, "TERM"); err != nil {
			t.Fatal(err)
		}
		select {
		case r := <-ended:
			if r.StatusCode != 0 {
				t.Errorf("it exited with %d", r.StatusCode)
			}
		case err := <-failed:
			t.Fatal(err)
		}
	}
}

// Of two containers of one attempt the one that was begun last counts, and the
// network that it is in stays even where the engine did not answer at first.
func TestLeftTwice(t *testing.T) {
	engine, d := dockertest.Engine(t), newDoor(t)
	made := network.CreateResponse{}
	b := setUp(t, func(o *docker.Options) {
		var err error
		made, err = engine.NetworkCreate(t.Context(), "loktar-"+o.Instance, network.CreateOptions{Labels: map[string]string{docker.LabelInstance: o.Instance}})
		if err != nil {
			t.Fatal(err)
		}
		for name, began := range map[string]string{"a": "2026-01-02T00:00:00Z", "b": "2026-01-03T00:00:00Z", "c": "2026-01-01T00:00:00Z"} {
			text := fmt.Sprintf(`{"job":{"run":"run1","package":"pkg"},"attempt":1,"tree":%q,"form":%q,"instance":%q,"name":%q,"network":%q,"began":%q}`,
				"/tree/"+name, docker.RecordForm, o.Instance, name, made.ID, began)
			if err := os.Mkdir(filepath.Join(o.WorkDir, name), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(o.WorkDir, name, docker.RecordFile), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		o.Host, o.Wanted = "unix://"+d.path, func(runner.Left) bool { return true }
	})
	all := b.AllLeft()
	if len(all) != 1 || all[0].Tree != "/tree/b" {
		t.Fatalf("left: %+v", all)
	}
	d.cut()
	if b.Ready(t.Context()) == nil {
		t.Fatal("ready without an engine")
	}
	d.open()
	if err := b.Reap(t.Context()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(b.work)
	if err != nil || len(entries) != 1 || entries[0].Name() != "b" {
		t.Errorf("folders: %v, %v", entries, err)
	}
	if _, err := engine.NetworkInspect(t.Context(), made.ID, network.InspectOptions{}); err != nil {
		t.Errorf("the network of what goes on: %v", err)
	}
	b.Abandon(t.Context(), all[0].Job, func() {})
	if err := b.Reap(t.Context()); err != nil {
		t.Error(err)
	}
}

// A job that is taken up has the services that it had, and they go with it. What
// they printed comes again in the order of the first time, and goes on.
func TestResumeWithServices(t *testing.T) {
	var first strings.Builder
	b, job, before := severed(t, func(b *bench) runner.Task {
		task := b.with("echo up; i=0; while :; do echo $i; echo $i to stderr >&2; i=$((i+1)); sleep 0.1; done & nc -ll -p 7000 -e echo pong", "7000", asks+"; echo half; sleep 3; "+asks+"; exit 3")
		task.Services[0].Output = &first
		task.Attempt = 1
		return task
	}, "half\n")
	if err := b.Reap(t.Context()); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	job.Services[0].Output = &said
	out := newOutput()
	exit, err := b.Resume(t.Context(), job, out)
	if err != nil || exit.Code != 3 || exit.Died != "" || !strings.HasPrefix(exit.Services["db"], "sha256:") {
		t.Errorf("exit %+v, %v\nbefore:\n%s\nafter:\n%s", exit, err, before, out)
	}
	contains(t, content(out.String()), "pong\nhalf\npong\n", "cleaned\n")
	if !strings.HasPrefix(said.String(), first.String()) || len(said.String()) < 2*first.Len() {
		t.Errorf("the service printed %q, and then it is %q", first.String(), said.String())
	}
	for _, in := range []string{"", " to stderr"} {
		var lines []string
		for line := range strings.Lines(said.String()) {
			if strings.HasSuffix(line, in+"\n") && strings.Contains(line, "stderr") == (in != "") && line != "up\n" {
				lines = append(lines, line)
			}
		}
		for i, line := range lines {
			if line != fmt.Sprintf("%d%s\n", i, in) {
				t.Errorf("line %d is %q", i, line)
			}
		}
		if len(lines) < 30 {
			t.Errorf("%d lines of the service in more than 3 s", len(lines))
		}
	}
	b.wantNoSidecars()
}
