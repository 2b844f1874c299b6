package docker_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/docker"
)

// TestResumeOfWhatEndedWithServices has a job with a service end while no server
// runs. That it is red is believed where the engine is known to have run on, and
// what a service had to do with it is told.
func TestResumeOfWhatEndedWithServices(t *testing.T) {
	const gone = "The service db ended with exit code 4 while the steps ran."
	for name, c := range map[string]struct {
		service, step string
		stays         bool // the service, when the job is taken up
		meanwhile     func(t *testing.T, b *bench)
		before        func(t *testing.T, o *docker.Options)
		code          int
		died          string
		kind          checks.Kind
		why           string
	}{
		"its service runs on":          {service: "exec sleep 1000", step: "exit 3", stays: true, code: 3},
		"its service died":             {service: "sleep 2; exit 4", step: "sleep 4; exit 3", code: 3, died: gone},
		"its service ended much later": {service: "sleep 9; exit 4", step: "exit 3", code: 3},
		"the engine ended too": {service: "exec sleep 1000", step: "exit 3", stays: true, kind: checks.KindUnavailable, why: "was stopped or restarted while the job ran",
			meanwhile: func(t *testing.T, b *bench) { b.signal(t, "KILL", false) }},
		"nothing tells of the engine": {service: "exec sleep 1000", step: "exit 3", stays: true, before: unattested, kind: checks.KindLost, why: "whether its container ended by itself is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			b, job, _ := severedTo(t, func(b *bench) runner.Task {
				task := b.with(c.service, "", "echo half; "+c.step)
				task.Attempt = 1
				return task
			}, "half\n", func(o *docker.Options) {
				if c.before != nil {
					c.before(t, o)
				}
			})
			if c.meanwhile != nil {
				c.meanwhile(t, b)
			}
			if c.stays {
				b.awaitEndBut(t, "-db")
			} else {
				b.awaitEnd(t)
			}
			if err := b.Reap(t.Context()); err != nil {
				t.Fatal(err)
			}
			out := newOutput()
			exit, err := b.Resume(t.Context(), job, out)
			if c.kind != 0 {
				wantKind(t, err, c.kind, c.why)
			} else if err != nil || exit.Code != c.code || exit.Died != c.died || exit.Cancelled {
				t.Errorf("exit %+v, %v\n%s", exit, err, out)
			}
			b.wantNoSidecars()
		})
	}
}

// unattested has a job be one that nothing vouches for.
func unattested(t *testing.T, o *docker.Options) {
	rewrite(t, o, func(record map[string]any) {
		if record["witness"] == nil {
			t.Error("there was none anyhow")
		}
		delete(record, "witness")
	})
}

// rewrite changes what the next process is told of the one job that there is.
func rewrite(t *testing.T, o *docker.Options, change func(record map[string]any)) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(o.WorkDir, "*", docker.RecordFile))
	if err != nil || len(files) != 1 {
		t.Fatalf("%v, %v", files, err)
	}
	text, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	var record map[string]any
	if err := json.Unmarshal(text, &record); err != nil {
		t.Fatal(err)
	}
	change(record)
	if text, err = json.Marshal(record); err == nil {
		err = os.WriteFile(files[0], text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
