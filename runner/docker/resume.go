package docker

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// replayIdle is how long the engine's stream may give nothing after the
// container's end, before what is missing is read anew.
const replayIdle = 5 * time.Second

// Resume implements runner.Resumer. It is safe for concurrent use.
func (s *Sandbox) Resume(ctx context.Context, t runner.Task, out runner.Output) (exit runner.Exit, err error) {
	ctx = s.logged(ctx)
	r := s.claim(t.Job)
	if r == nil {
		return exit, lost(nil, "nothing is left of it")
	}
	j := s.resumed(r, t)
	defer func() { s.giveBack(ctx, j.holder, err != nil, j.stays) }()
	defer func() {
		s.leave(j.name, s.remove(ctx, j))
		exit.CachesHeld = j.stays && len(t.Caches) > 0
	}()
	if j.ref, err = s.imageOf(r.Image); err != nil {
		return exit, err
	}
	if j.machine, err = s.look(ctx); err != nil {
		return exit, err
	}
	j.limits = s.limitsOf(t.Resources, j.machine)
	if t.Network {
		s.firewall.ensure(ctx)
	}
	cleans := r.CleanNonce != ""
	if cleans && r.Ended == nil {
		return exit, lost(nil, "what it left was taken by the process that is gone")
	}
	if takes(&t) {
		j.task.Clean = nil
	}
	s.rejoinServices(ctx, j)
	if exit, err = s.rejoin(ctx, j, out); err != nil || !takes(&t) {
		return exit, err
	}
	if r.Ended == nil {
		return exit, s.wrapUp(ctx, j, t, j.container(), &exit, out)
	}
	exit = *r.Ended
	if err := t.Load(r.Saved); err != nil {
		return exit, lost(err, "what was taken of it cannot be read")
	}
	if cleans {
		j.cleans(r.CleanNonce, t.Clean, exit.TimedOut)
		cleaned, err := s.rejoin(ctx, j, out)
		exit.Cancelled = cleaned.Cancelled
		if checks.KindOf(err) != checks.KindLost {
			return exit, nil // whatever it came to, the verdict stands
		}
		s.removeContainer(ctx, j.name+j.part) // it never ran
	}
	s.cleanUp(ctx, j, t.Clean, &exit, out)
	return exit, nil
}

// Env implements runner.Resumer.
func (s *Sandbox) Env(ctx context.Context, id checks.JobID, names []string) (map[string]string, error) {
	s.mu.Lock()
	r := s.left[id]
	s.mu.Unlock()
	if r == nil {
		return nil, lost(nil, "nothing is left of it")
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	seen, err := s.engine.ContainerInspect(ctx, "loktar-"+r.Name)
	switch {
	case cerrdefs.IsNotFound(err):
		return nil, lost(err, "its container is gone")
	case err != nil:
		return nil, fault(err, "inspect container")
	}
	held := make(map[string]string)
	for _, entry := range seen.Config.Env {
		if name, value, _ := strings.Cut(entry, "="); slices.Contains(names, name) {
			held[name] = value // the last counts, for the job too
		}
	}
	if len(held) < len(names) {
		return nil, lost(nil, "its container has not all of the secrets that it was given")
	}
	return held, nil
}

// rejoin stays with a container that another process started, until its end.
// What it printed comes from the engine's own copy, from the start.
func (s *Sandbox) rejoin(ctx context.Context, j *job, out runner.Output) (exit runner.Exit, err error) {
	seen, err := s.engine.ContainerInspect(ctx, j.container())
	switch {
	case cerrdefs.IsNotFound(err):
		return exit, lost(err, "its container is gone")
	case err != nil:
		return exit, fault(err, "inspect container")
	}
	began, err := time.Parse(time.RFC3339Nano, seen.State.StartedAt)
	if err != nil || began.IsZero() || seen.State.Status == container.StateCreated || seen.State.Dead || seen.State.Status == container.StateRemoving {
		return exit, lost(err, "its container never started, or is on its way out")
	}
	if !seen.State.Running && seen.State.ExitCode != 0 && j.voucher() == nil {
		// An engine that ended its containers looks the same.
		return exit, lost(nil, "whether its container ended by itself is not known")
	}
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	p := j.progress(out)
	tape, err := s.replay(life, seen.ID, p, 0, true)
	if err != nil {
		return exit, err
	}
	defer tape.close()
	ended, failed := s.engine.ContainerWait(life, seen.ID, container.WaitConditionNotRunning)
	w := watch{sandbox: s, job: j, id: seen.ID, progress: p, out: out, brief: j.brief, began: began.Add(-j.spent)}
	if j.part == "" && !seen.State.Running {
		w.timedOut, w.exceeded = j.record.TimedOut, j.record.Exceeded
	}
	if j.part == "" && j.task.Timeout > 0 && !time.Now().Before(w.deadline()) {
		if w.inTime, err = s.overBy(life, j, seen.State, w.deadline()); err != nil {
			return exit, err
		}
		w.late = !w.inTime
	}
	m := s.startMeter(life, j, func() []string { return append(j.serviceIDs(), seen.ID) })
	code, err := w.untilEnd(ctx, life, ended, failed, m.exceeded)
	m.stop()
	if err = fault(err, "wait for container"); err == nil {
		err = s.rest(life, tape, p)
	}
	tape.close()
	p.flush()
	if err != nil {
		return exit, err
	}
	if !seen.State.Running && j.voucher() == nil && p.interrupted() && !w.stopping() {
		return exit, lost(nil, "somebody, or an engine that ended, had asked it to end")
	}
	return s.account(life, &w, code)
}

// overBy reports whether the steps of j, which another process started, were over
// at a time that has passed.
func (s *Sandbox) overBy(ctx context.Context, j *job, state *container.State, at time.Time) (bool, error) {
	if ended, err := time.Parse(time.RFC3339Nano, state.FinishedAt); err == nil && !state.Running && !ended.After(at) {
		return true, nil
	}
	if len(j.task.Clean) == 0 {
		return false, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	stream, err := s.engine.ContainerLogs(ctx, j.container(), container.LogsOptions{ShowStdout: true, ShowStderr: true, Until: at.Format(time.RFC3339Nano)})
	if err != nil {
		return false, fault(err, "read what the container printed")
	}
	defer stream.Close()
	p := newProgress(j.task, j.nonce, nowhere{})
	if _, err := stdcopy.StdCopy(p, p, stream); err != nil {
		return false, lost(err, "what it printed cannot be read whole")
	}
	_, _, clean, _ := p.now()
	return clean > 0, nil
}

// nowhere is an Output that nobody reads.
type nowhere struct{}

func (nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (nowhere) Heading(string)              {}
func (nowhere) Step(string)                 {}
func (nowhere) Remark(string)               {}

// rest gives p what it has not got yet of a container that ended. The engine's
// stream of what is printed may end before it gave all.
func (s *Sandbox) rest(ctx context.Context, tape *tape, p io.Writer) error {
	tape.drain(replayIdle)
	again, err := s.replay(ctx, tape.id, p, tape.out.count, false)
	if err != nil {
		return err
	}
	defer again.close()
	if again.drain(callTime); again.err != nil {
		return lost(again.err, "what it printed cannot be read whole")
	}
	return nil
}

// tape plays what a container printed to a writer.
type tape struct {
	id     string
	stream io.ReadCloser
	out    *skipper
	played chan struct{}
	moved  chan struct{} // holds one, when something was played since
	err    error         // once played
}

// replay plays what a container printed from behind its first skip bytes, to
// its end so far or, with follow, to its end.
func (s *Sandbox) replay(ctx context.Context, id string, to io.Writer, skip int64, follow bool) (*tape, error) {
	stream, err := s.engine.ContainerLogs(ctx, id, container.LogsOptions{ShowStdout: true, ShowStderr: true, Follow: follow})
	if err != nil {
		return nil, fault(err, "read what the container printed")
	}
	t := &tape{id: id, stream: stream, played: make(chan struct{}), moved: make(chan struct{}, 1)}
	t.out = &skipper{to: to, skip: skip, moved: t.moved}
	go func() {
		defer close(t.played)
		_, t.err = stdcopy.StdCopy(t.out, t.out, stream)
	}()
	return t, nil
}

// drain waits until all was played, or nothing came for so long.
func (t *tape) drain(silence time.Duration) {
	idle := time.NewTimer(silence)
	defer idle.Stop()
	for {
		select {
		case <-t.played:
			return
		case <-t.moved:
			idle.Reset(silence)
		case <-idle.C:
			t.close()
			return
		}
	}
}

func (t *tape) close() {
	t.stream.Close()
	<-t.played
}

// skipper passes on what comes behind the first skip bytes, and counts all.
type skipper struct {
	to    io.Writer
	skip  int64
	count int64
	moved chan struct{}
}

func (k *skipper) Write(p []byte) (int, error) {
	n := len(p)
	k.count += int64(n)
	if k.skip > 0 {
		cut := min(k.skip, int64(n))
		k.skip -= cut
		p = p[cut:]
	}
	if len(p) > 0 {
		if _, err := k.to.Write(p); err != nil {
			return 0, err
		}
	}
	select {
	case k.moved <- struct{}{}:
	default:
	}
	return n, nil
}

// lost says why a job cannot be taken up.
func lost(err error, why string) error {
	return checks.Errorf(checks.KindLost, err, "%s", fmt.Sprintf("The server was restarted meanwhile, and the job could not be taken up again: %s.", why))
}
