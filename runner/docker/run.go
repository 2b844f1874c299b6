package docker

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	cerrdefs "github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// maxAttempts is how often a job is started when what it needs was gone. The
// last attempt needs no holder.
const maxAttempts = 3

// job is one Run.
type job struct {
	task    runner.Task
	name    string // of its container (after "loktar-") and its folder
	nonce   string
	dir     string
	network string
	holder  *holder // nil when the job has a network namespace of its own
	limits  checks.Resources
	machine machine
	ref     reference.Named
	image   pin
	mask    string // see Sandbox.hide; empty when nothing is hidden by one
	copies  bool   // see Sandbox.copies
	filled  bool   // the copy was made
	brief   bool   // watch.brief
	stays   bool   // its container could not be removed
	// diskFull: see noteRoom.
	diskFull atomic.Bool
	noSpace  listener // of a job whose disk cannot be seen from here
	tries    atomic.Int32
	part     string // see container
	record   jobRecord

	services []*service
	witness  *holder       // see vouch
	anchor   *anchor       // see vouch
	spent    time.Duration // of its timeout, before the steps

	mu   sync.Mutex // guards what services note of themselves
	side sidecars
}

// cleanPart marks the container of clean lines that have one of their own. No
// service's has such a name, see launch.
const cleanPart = "_clean"

// container is the name of the container that j is in.
func (j *job) container() string { return "loktar-" + j.name + j.part }

// Run implements runner.Sandbox. It is safe for concurrent use.
func (s *Sandbox) Run(ctx context.Context, t runner.Task, out runner.Output) (exit runner.Exit, err error) {
	ctx = s.logged(ctx)
	if err := s.settle(ctx); err != nil {
		return exit, err
	}
	if err := mountable(t.Tree); err != nil {
		return exit, err
	}
	if t.Git != nil {
		if err := mountable(t.Git.Dir); err != nil {
			return exit, err
		}
	}
	ref, err := s.imageOf(t.Image)
	if err != nil {
		return exit, err
	}
	where := "In the image " + reference.FamiliarString(ref)
	if !t.Network {
		where += ", without network"
	}
	if len(t.Hidden) > 0 {
		where += ", with declared files alone"
	}
	out.Heading(where)
	uncached, err := s.announce(ctx, &t, out)
	held := false
	defer func() { exit.Uncached, exit.CachesHeld = exit.Uncached || uncached, held }()
	if err != nil {
		return exit, err
	}
	for attempt := 1; ; attempt++ {
		low := s.lowFiles.Load()
		var started, holderDied bool
		exit, started, holderDied, err = s.runOnce(ctx, t, ref, out, attempt < maxAttempts)
		if exit.CachesHeld {
			held, t.Caches = true, nil // what shows them is not to be shown again
		}
		var takers *takerError
		switch {
		case err == nil:
			return exit, nil
		case errors.As(err, &takers):
			return exit, err // it says nothing about the engine
		case started || attempt == maxAttempts:
		case s.refusesFiles(err, low):
			continue
		case holderDied && ctx.Err() == nil && checks.KindOf(err) != checks.KindUnavailable:
			continue
		}
		if checks.KindOf(err) == checks.KindInternal && ctx.Err() == nil {
			if down := s.wentDown(ctx, nil); down != nil {
				err = errors.Join(down, err) // an engine that ends refuses with any words
			}
		}
		if checks.KindOf(err) == checks.KindUnavailable {
			s.forget()
		}
		return exit, err
	}
}

// runOnce runs t in one container. started tells whether a step may have run;
// holderDied, that the network to join was gone.
func (s *Sandbox) runOnce(ctx context.Context, t runner.Task, ref reference.Named, out runner.Output, join bool) (exit runner.Exit, started, holderDied bool, err error) {
	j := &job{task: t, name: randomName(), nonce: randomName(), ref: ref}
	if j.machine, err = s.look(ctx); err != nil {
		return exit, false, false, err
	}
	if j.copies, err = s.copies(ctx); err != nil {
		return exit, false, false, err
	}
	if j.image, err = s.resolve(ctx, t, ref, out); err != nil {
		return exit, false, false, err
	}
	j.limits = s.limitsOf(t.Resources, j.machine)
	j.dir = filepath.Join(s.o.WorkDir, j.name)

	if join && len(t.Services) == 0 && !j.alone() {
		borrowed := s.timed("holder")
		j.holder = s.borrow(ctx, t.Network)
		borrowed()
		defer func() { holderDied = s.giveBack(ctx, j.holder, err != nil, j.stays) }()
	}
	s.enter(j.name)
	defer func() {
		s.leave(j.name, s.remove(ctx, j))
		exit.CachesHeld, exit.Uncached = j.stays && len(t.Caches) > 0, len(j.task.Caches) < len(t.Caches)
	}()
	for _, dir := range []string{j.dir, filepath.Join(j.dir, "upper"), filepath.Join(j.dir, "work")} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return exit, false, false, fault(err, "make job folder")
		}
	}
	if err := s.hide(ctx, j); err != nil {
		return exit, false, false, err
	}
	s.did("entered")
	if j.copies && len(j.task.Caches) > 0 { // as hide found out just now
		out.Heading("Caches are not used. " + whyCopied)
		j.task.Caches = nil
	}
	s.vouch(ctx, j)
	if err = s.serve(ctx, j, out, &exit); err != nil || exit.Unready != "" {
		return exit, false, false, err
	}
	if takes(&t) {
		j.task.Clean = nil // not before all is taken
	}
	id, err := s.create(ctx, j, out)
	if err != nil {
		return exit, false, false, err
	}
	s.did("created")
	if err := s.remember(j); err != nil {
		return exit, false, false, err
	}
	s.did("remembered")
	if exit, started, err = s.attend(ctx, j, id, out); err != nil || !takes(&t) {
		return exit, started, false, err
	}
	return exit, started, false, s.wrapUp(ctx, j, t, id, &exit, out)
}

// wrapUp takes what t wants of j, whose steps ended, and cleans up after it.
func (s *Sandbox) wrapUp(ctx context.Context, j *job, t runner.Task, id string, exit *runner.Exit, out runner.Output) (err error) {
	log := zerolog.Ctx(ctx)
	if t.Artifacts != nil && collects(t.Artifacts, *exit) {
		err = s.collect(ctx, j, id, exit, out)
		s.did("collected")
		if err != nil && t.Artifacts.Lenient {
			log.Warn().Err(err).Str("job", t.Job.String()).Msg("what a job left cannot be collected")
			exit.Refusal, err = "The Docker engine did not hand them over.", nil
		}
	}
	if t.Folder != nil && passed(*exit) && err == nil {
		err = s.hand(ctx, j, id, j.record.Began, exit)
	}
	if err == nil {
		s.noteEnd(j, *exit, log)
		s.did("end noted")
	}
	s.cleanUp(ctx, j, t.Clean, exit, out)
	return err
}

// create makes the container, and first what it lacks meanwhile: the image, the
// network.
func (s *Sandbox) create(ctx context.Context, j *job, out runner.Output) (id string, err error) {
	if j.alone() {
		if err := os.WriteFile(filepath.Join(j.dir, hostsFile), []byte(hosts), 0o644); err != nil {
			return "", fault(err, "write the hosts file")
		}
	}
	var pulled, remade bool
	for {
		j.network = "none"
		if j.side.Network != "" {
			j.network = j.side.Network
		} else if j.holder != nil {
			j.network = "container:" + j.holder.id
		} else if j.task.Network {
			if j.network, err = s.jobNetwork(ctx); err != nil {
				return "", err
			}
		}
		id, err = s.createOnce(ctx, j)
		switch {
		case err == nil:
			return id, nil
		case cerrdefs.IsNotFound(err) && strings.Contains(err.Error(), "No such image") && !pulled:
			pulled = true
			if err := s.restore(ctx, j.task, j.ref, j.image, out); err != nil {
				return "", err
			}
		case cerrdefs.IsNotFound(err) && strings.Contains(err.Error(), "network") && !remade:
			remade = true
			s.lostNetwork(j.network)
		default:
			return "", fault(err, "create container")
		}
	}
}

// createOnce does not end with ctx: a container that came to be unheard of
// could not be removed.
func (s *Sandbox) createOnce(ctx context.Context, j *job) (string, error) {
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	defer s.timed("create")()
	if err := j.renew(); err != nil {
		return "", err
	}
	config, host := s.spec(j)
	made, err := s.engine.ContainerCreate(ctx, config, host, nil, nil, j.container())
	return made.ID, err
}
