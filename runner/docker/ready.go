package docker

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/dudesons/loktar/runner"
)

const (
	// defaultReady is how long services may take until all are ready.
	defaultReady = 2 * time.Minute
	// readyTurn is how often a health check and a command are asked, readyTick
	// how often is looked whether something listens, which costs little.
	readyTurn = time.Second
	readyTick = 100 * time.Millisecond
	// askTime is how long a command may take before it is asked again.
	askTime = 15 * time.Second
	// maxTail bounds what a job's log shows of a service's.
	maxTail      = 8 << 10
	maxTailLines = 20
)

// errNotReady is the cause of a context that ended since it took too long.
var errNotReady = errors.New("services were not ready in time")

// unreadyError is that a service is not ready by a fault of the package's.
type unreadyError struct {
	of   *service
	text string
}

func (e *unreadyError) Error() string { return e.text }

// probe looks once whether a service is ready; why says what is missing yet.
type probe func(ctx context.Context) (ready bool, why string, err error)

// await waits until v is ready. It has run for a while when it returns nil.
func (s *Sandbox) await(ctx context.Context, j *job, v *service, limit time.Duration) error {
	check, turn := s.probeOf(j, v)
	tick := time.NewTicker(turn)
	defer tick.Stop()
	why := ""
	for {
		ready, missing, err := check(ctx)
		switch {
		case err == nil && ready:
			return nil
		case err == nil && (why == "" || ctx.Err() == nil):
			why = missing
		}
		select {
		case <-v.ended:
			return s.endedEarly(ctx, v)
		default:
		}
		if err != nil && ctx.Err() == nil {
			return ofService(v.Name, err)
		}
		select {
		case <-tick.C:
		case <-v.ended:
		case <-ctx.Done():
			if !errors.Is(context.Cause(ctx), errNotReady) {
				return ctx.Err()
			}
			return &unreadyError{v, fmt.Sprintf("The service %s was not ready after %s: %s. Its log has more; `ready` in its entry says what is waited for.",
				v.Name, runner.DurationText(limit), cmp.Or(why, "it did not start"))}
		}
	}
}

// endedEarly is the error of a service that does not run any more.
func (s *Sandbox) endedEarly(ctx context.Context, v *service) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	if v.lost != nil {
		return ofService(v.Name, fault(v.lost, "wait for service"))
	}
	seen, err := s.engine.ContainerInspect(ctx, v.id)
	if err != nil {
		return ofService(v.Name, fault(err, "inspect service"))
	}
	return &unreadyError{v, fmt.Sprintf("The service %s %s before it was ready. Its log has more.", v.Name, endText(seen.State, v.limits.Memory))}
}

// endText says how a container ended, as what its service did.
func endText(state *container.State, memory int64) string {
	if state.OOMKilled {
		return fmt.Sprintf("reached its memory limit of %s, was killed for that, and ended with exit code %d", sizeText(memory), state.ExitCode)
	}
	return fmt.Sprintf("ended with exit code %d", state.ExitCode)
}

// cannotStart is the error of an image that does not start through its own
// fault or its entry's, else nil.
func cannotStart(v *service, err error) error {
	text := err.Error()
	for _, words := range []string{"executable file not found", "no such file or directory", "permission denied", "no command specified", "unable to find user", "exec format error"} {
		if strings.Contains(text, "OCI runtime") && strings.Contains(text, words) || strings.Contains(text, "unable to find user") {
			return &unreadyError{v, fmt.Sprintf("The service %s could not be started: %s", v.Name, runner.Quoted(text[strings.LastIndex(text, "OCI runtime")+1:]))}
		}
	}
	return nil
}

// probeOf is how v is asked, and how often.
func (s *Sandbox) probeOf(j *job, v *service) (probe, time.Duration) {
	port, err := strconv.Atoi(v.Ready)
	switch {
	case v.Ready == "":
		return s.healthy(j, v), readyTick
	case err == nil:
		return s.listening(j, v, []int{port}), readyTick
	}
	return s.answers(v), readyTurn
}

// healthy asks for the state of the image's health check; of an image without
// one, whether its ports are open.
func (s *Sandbox) healthy(j *job, v *service) probe {
	listens := s.listening(j, v, v.Ports)
	return func(ctx context.Context) (bool, string, error) {
		seen, err := s.engine.ContainerInspect(ctx, v.id)
		if err != nil {
			return false, "", fault(err, "inspect service")
		}
		health := seen.State.Health
		switch {
		case health != nil && health.Status != container.NoHealthcheck:
			why := "the health check of its image did not pass"
			if n := len(health.Log); n > 0 {
				why += ", at last with " + told(health.Log[n-1].ExitCode, health.Log[n-1].Output)
			}
			return health.Status == container.Healthy, why, nil
		case len(v.Ports) > 0:
			return listens(ctx)
		}
		return seen.State.Running, "it did not run", nil
	}
}

// answers runs v's command in it.
func (s *Sandbox) answers(v *service) probe {
	return func(ctx context.Context) (bool, string, error) {
		ctx, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		command := "its command " + runner.Quoted(v.Ready)
		made, err := s.engine.ContainerExecCreate(ctx, v.id, container.ExecOptions{
			Cmd: []string{"/bin/sh", "-c", v.Ready}, AttachStdout: true, AttachStderr: true,
		})
		if err != nil {
			return false, command + " could not be run", s.unless(ctx, v, err)
		}
		stream, err := s.engine.ContainerExecAttach(ctx, made.ID, container.ExecAttachOptions{})
		if err != nil {
			return false, command + " could not be run", s.unless(ctx, v, err)
		}
		defer stream.Close()
		stop := context.AfterFunc(ctx, stream.Close)
		defer stop()
		var out tail
		_, _ = stdcopy.StdCopy(&out, &out, stream.Reader)
		if ctx.Err() != nil {
			return false, command + " did not end", nil
		}
		seen, err := s.engine.ContainerExecInspect(ctx, made.ID)
		if err != nil {
			return false, command + " could not be run", s.unless(ctx, v, err)
		}
		return !seen.Running && seen.ExitCode == 0, command + " exited with " + told(seen.ExitCode, strings.Join(out.lines(), " ")), nil
	}
}

// unless is the fault that err is, unless the service ended or the time did.
func (s *Sandbox) unless(ctx context.Context, v *service, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	seen, asked := s.engine.ContainerInspect(ctx, v.id)
	if asked == nil && !seen.State.Running {
		return nil
	}
	return fault(err, "ask service")
}

// told is an exit code and what was said with it.
func told(code int, words string) string {
	if strings.TrimSpace(words) == "" {
		return strconv.Itoa(code)
	}
	return fmt.Sprintf("%d (%s)", code, runner.Quoted(words))
}

// tail hands on what is written to it, and keeps the end.
type tail struct {
	next io.Writer // may be nil

	mu  sync.Mutex
	end []byte
}

func (t *tail) Write(p []byte) (int, error) {
	if t.next != nil {
		_, _ = t.next.Write(p) // an Output never fails
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.end = append(t.end, p[max(0, len(p)-maxTail):]...)
	if len(t.end) > 2*maxTail {
		t.end = slices.Clone(t.end[len(t.end)-maxTail:])
	}
	return len(p), nil
}

// lines are the last lines that say something.
func (t *tail) lines() (list []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for line := range bytes.Lines(t.end[max(0, len(t.end)-maxTail):]) {
		if line = bytes.TrimSpace(line); len(line) > 0 {
			list = append(list, string(line))
		}
	}
	return list[max(0, len(list)-maxTailLines):]
}
