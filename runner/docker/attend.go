package docker

import (
	"context"
	"fmt"
	"strings"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// drainTime is how long the output may be silent after the container's end.
const drainTime = 2 * time.Second

// attend starts the container and stays with it until its end.
func (s *Sandbox) attend(ctx context.Context, j *job, id string, out runner.Output) (exit runner.Exit, started bool, err error) {
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	attached := s.timed("attach")
	stream, err := s.engine.ContainerAttach(life, id, container.AttachOptions{Stream: true, Stdout: true, Stderr: true})
	if err != nil {
		return exit, false, fault(err, "attach to container")
	}
	attached()
	s.did("attached")
	p := j.progress(out)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		_, _ = stdcopy.StdCopy(p, p, stream.Reader) // the wait tells of an engine that went away
	}()
	finish := func() {
		drain(stream, drained, p.moved.Load)
		p.flush()
	}
	ended, failed := s.engine.ContainerWait(life, id, container.WaitConditionNextExit)
	err = s.fill(ctx, j, id)
	if err == nil {
		err = s.start(ctx, j, id)
	}
	if err != nil {
		stream.Close()
		<-drained
		return exit, false, err
	}
	s.did("started")
	w := watch{sandbox: s, job: j, id: id, progress: p, out: out, brief: j.brief, began: time.Now().Add(-j.spent)}
	ran := s.timed("run")
	m := s.startMeter(life, j, func() []string { return append(j.serviceIDs(), id) })
	code, err := w.untilEnd(ctx, life, ended, failed, m.exceeded)
	m.stop()
	ran()
	finish()
	if j.part == "" {
		s.did("ended")
	} else {
		s.did("clean ended")
	}
	if err != nil {
		return exit, true, fault(err, "wait for container")
	}
	exit, err = s.account(life, &w, code)
	return exit, true, err
}

func (s *Sandbox) start(ctx context.Context, j *job, id string) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	defer s.timed("start")()
	err := s.engine.ContainerStart(ctx, id, container.StartOptions{})
	if cerrdefs.IsNotFound(err) && strings.Contains(err.Error(), "network") {
		s.lostNetwork(j.network)
		return checks.Causef(checks.CauseEngineLost, err, "The network for jobs was removed from the Docker engine meanwhile. It is made anew.")
	}
	if err != nil && (strings.Contains(err.Error(), "exec format error") || strings.Contains(err.Error(), `exec: "/bin/sh"`)) {
		return s.noShell(ctx, j)
	}
	if bad := j.unplaced(err); bad != nil {
		return bad
	}
	s.doubtWay(err)
	return fault(err, "start container")
}

// drain waits for the rest of the output, for as long as some comes, and ends
// the stream. moved is how much came so far.
func drain(stream types.HijackedResponse, drained <-chan struct{}, moved func() int64) {
	defer stream.Close()
	for before := moved(); ; {
		select {
		case <-drained:
			return
		case <-time.After(drainTime):
		}
		now := moved()
		if now == before {
			stream.Close()
			<-drained
			return
		}
		before = now
	}
}

// account puts together what is known about a container that ended.
func (s *Sandbox) account(ctx context.Context, w *watch, code int) (exit runner.Exit, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	inspected := s.timed("inspect")
	seen, err := s.engine.ContainerInspect(ctx, w.id)
	inspected()
	if cerrdefs.IsNotFound(err) || err == nil && (seen.State.Status == container.StateRemoving || seen.State.Dead) {
		return exit, checks.Causef(checks.CauseEngineLost, err, "Somebody removed the job's container from the Docker engine.")
	}
	if err != nil {
		return exit, fault(err, "inspect container")
	}
	shell, step, clean, stepsCode := w.progress.now()
	if shell == 0 && code > 0 && code < 128 && !w.stopping() && !seen.State.OOMKilled {
		return exit, s.noShell(ctx, w.job)
	}
	if clean > 0 {
		code = stepsCode
	}
	if !w.stopping() && (code != 0 || w.progress.interrupted()) {
		if err := s.wentDown(ctx, w.job); err != nil {
			return exit, err
		}
	}
	if code != 0 || w.timedOut {
		s.noteRoom(ctx, w.job)
	}
	if w.job.diskFull.Load() && !w.cancelled && w.exceeded == "" && (code != 0 || w.timedOut) {
		return exit, errDiskFull()
	}
	died := s.died(ctx, &w.job.side, seen.State.FinishedAt)
	if died != "" && code == 0 && !w.stopping() {
		w.out.Heading(died)
	}
	if cleanLines := w.job.task.Clean; clean == 0 && step >= 0 && len(cleanLines) > 0 {
		w.out.Heading(fmt.Sprintf("%s was not run: the job's shell was killed.", cleanLines[0]))
	}
	return runner.Exit{
		Code: code, Step: max(step, 0), Cancelled: w.cancelled,
		TimedOut: w.timedOut && !w.cancelled, Exceeded: w.exceeded,
		OutOfMemory: seen.State.OOMKilled, MemoryLimit: w.job.limits.Memory, Image: seen.Image,
		Services: w.job.side.digests(), Died: died,
	}, nil
}
