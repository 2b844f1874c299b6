package docker

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
)

// way is how jobs get their files: through an overlay over the tree, or as a
// copy of it where the engine cannot make one, as when it is on another
// machine or the work folder's file system does not serve.
type way struct {
	mu     sync.Mutex
	of     *machine // what it was found out for
	copies bool
}

// copies reports whether jobs get copies. It finds out by trying, once for
// each engine, and logs what it found. While that cannot be tried, as the
// image is missing, it is taken that overlays serve.
func (s *Sandbox) copies(ctx context.Context) (bool, error) {
	if s.o.noOverlay {
		return true, nil
	}
	s.mu.Lock()
	machine := s.machine
	s.mu.Unlock()
	s.way.mu.Lock()
	defer s.way.mu.Unlock()
	if machine != nil && s.way.of == machine {
		return s.way.copies, nil
	}
	if known, low := s.wayKnown(machine); known {
		if low {
			s.lowFiles.Store(true)
		}
		s.way.of, s.way.copies = machine, false
		return false, nil
	}
	why, err := s.probe(ctx)
	if s.refusesFiles(err, false) {
		why, err = s.probe(ctx)
	}
	switch {
	case cerrdefs.IsNotFound(err):
		zerolog.Ctx(ctx).Debug().Err(err).Msg("whether overlays serve cannot be tried without the image")
		return false, nil
	case err != nil:
		return false, fault(err, "try an overlay")
	case why == nil:
		zerolog.Ctx(ctx).Info().Msg("workspaces are overlays over the checked out files; nothing is copied")
	default:
		zerolog.Ctx(ctx).Warn().AnErr("reason", why).Str("work_folder", s.o.WorkDir).
			Msg("workspaces are copied to the Docker engine, as an overlay does not serve here; jobs start the later the more files a repository has")
	}
	s.way.of, s.way.copies = machine, why != nil
	if why == nil {
		s.keepWay(machine)
	}
	return s.way.copies, nil
}

// refusesFiles reports whether err says that the engine may open fewer files
// itself than a job is to have, and has later containers have what it has. low
// is what lowFiles was for the container that could not start.
func (s *Sandbox) refusesFiles(err error, low bool) bool {
	if low || err == nil || !strings.Contains(err.Error(), "error setting rlimit") {
		return false
	}
	s.lowFiles.Store(true)
	return true
}

// wayDays is how long it is believed that an engine may open few files: with
// another configuration it may open more.
const wayDays = 7

// keepWay keeps for the next process that overlays serve, and lowFiles.
// Without it that one tries again.
func (s *Sandbox) keepWay(m *machine) {
	if s.o.WayFile != "" && m != nil {
		_ = os.WriteFile(s.o.WayFile, []byte(s.wayText(m, s.lowFiles.Load())), 0o600)
	}
}

// wayKnown reports whether an earlier process found that overlays serve, and
// what lowFiles was then.
func (s *Sandbox) wayKnown(m *machine) (known, low bool) {
	if s.o.WayFile == "" || m == nil {
		return false, false
	}
	text, err := os.ReadFile(s.o.WayFile)
	if err != nil {
		return false, false
	}
	if string(text) == s.wayText(m, true) {
		info, err := os.Stat(s.o.WayFile)
		return true, err == nil && time.Since(info.ModTime()) < wayDays*24*time.Hour
	}
	return string(text) == s.wayText(m, false), false
}

func (s *Sandbox) wayText(m *machine, low bool) string {
	text := m.id + "\n" + s.o.WorkDir + "\n"
	if low {
		text += "low nofile\n"
	}
	return text
}

// doubtWay has overlays be tried again after one could not be mounted.
func (s *Sandbox) doubtWay(err error) {
	if s.o.WayFile != "" && err != nil && strings.Contains(err.Error(), "mount") {
		_ = os.Remove(s.o.WayFile) // the one that is there already may be missing
	}
}

// probe runs a container on an overlay as jobs have it. why says what did not
// work; the error, that nothing was found out.
func (s *Sandbox) probe(ctx context.Context) (why, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	j := &job{name: randomName(), nonce: randomName()}
	j.dir = filepath.Join(s.o.WorkDir, j.name)
	j.task.Tree = filepath.Join(j.dir, "tree")
	s.enter(j.name)
	defer func() {
		removing, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
		defer cancel()
		gone, whole := s.removeContainer(removing, j.name)
		// Somebody else may have removed the container; the folder is ours.
		removed := gone && s.removeDir(removing, j.name, s.o.Image) == nil
		s.leave(j.name, removed && whole)
	}()
	for _, dir := range []string{j.dir, j.task.Tree, filepath.Join(j.dir, "upper"), filepath.Join(j.dir, "work")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(j.task.Tree, "seen"), []byte(j.nonce), 0o644); err != nil {
		return nil, err
	}
	labels := map[string]string{LabelInstance: s.o.Instance, labelName: j.name}
	made, err := s.engine.ContainerCreate(ctx, &container.Config{
		Image: s.o.Image, User: "0:0", Labels: labels, WorkingDir: "/", Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		Entrypoint: []string{"/bin/sh", "-c"}, Cmd: []string{`read -r seen <` + workspace + `/seen; [ "$seen" = "$1" ] && echo "$1" >` + workspace + `/written`, "loktar", j.nonce},
	}, &container.HostConfig{
		LogConfig: container.LogConfig{Type: "none"}, NetworkMode: "none",
		CapDrop: []string{"ALL"}, CapAdd: []string{"DAC_OVERRIDE"}, SecurityOpt: []string{"no-new-privileges:true"},
		Mounts: []mount.Mount{s.overlay(j, labels)}, Resources: container.Resources{Ulimits: s.openFiles()},
	}, nil, nil, "loktar-"+j.name)
	if err != nil {
		return nil, err
	}
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	ended, failed := s.engine.ContainerWait(waiting, made.ID, container.WaitConditionNextExit)
	if err := s.engine.ContainerStart(ctx, made.ID, container.StartOptions{}); err != nil {
		stop()
		select { // or who waits would for ever
		case <-ended:
		case stopped := <-failed:
			zerolog.Ctx(ctx).Debug().Err(stopped).Msg("nothing more to wait for")
		}
		if strings.Contains(err.Error(), "mount") && checks.KindOf(fault(err, "")) != checks.KindUnavailable {
			return fmt.Errorf("mount the overlay: %w", err), nil
		}
		return nil, err
	}
	select {
	case r := <-ended:
		if r.StatusCode != 0 {
			return errors.New("a container does not see the server's files, or cannot write beside them"), nil
		}
	case err := <-failed:
		return nil, err
	}
	got, err := os.ReadFile(filepath.Join(j.dir, "upper", "written"))
	if err != nil || subtle.ConstantTimeCompare(got, []byte(j.nonce+"\n")) == 0 {
		return errors.New("the server does not see what a container writes"), nil
	}
	return nil, nil
}
