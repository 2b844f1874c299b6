// Package docker is a runner.Sandbox on a Docker engine (API 1.41, that is
// 20.10, or later). Each job gets a container of its own, and in it a private
// writable view of the repository's files: a kernel overlay over the leased
// tree, mounted by the engine's local volume driver. For that the engine must
// run on the machine that holds the tree and the work folder, as root; where a
// trial at the start shows that it does not serve, files are copied.
package docker

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/docker/docker/api/types/versions"
	"github.com/docker/docker/client"
	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/disk"
)

// The labels of everything that a Sandbox makes at the engine.
const (
	LabelInstance = "loktar.instance"
	LabelRun      = "loktar.run"
	LabelJob      = "loktar.job"
	// labelName is the one name that a job's container, volume and folder share.
	labelName = "loktar.name"
)

// Defaults of Options.
const (
	defaultImage       = "loktar/base:latest"
	defaultMemory      = 4 << 30
	defaultPIDs        = 4096
	defaultWorkspace   = 10 << 30
	defaultStopGrace   = 5 * time.Second
	defaultStoppedTime = 20 * time.Second
	defaultCleanTime   = 5 * time.Minute
)

const (
	minAPI = "1.41"
	// callTime bounds a call to the engine that has no bound of its own.
	callTime = 2 * time.Minute
)

// Options are what New needs.
type Options struct {
	// Instance names this server for ever; it labels what the sandbox makes.
	// Required.
	Instance string
	// WorkDir is a folder for the sandbox alone, where jobs' writes go.
	// Required; absolute, on a disk file system of the engine's machine (not
	// on an overlay). Missing folders are made.
	WorkDir string
	// Image is where jobs run that name no image; empty means loktar/base:latest.
	Image string
	// Host is the engine's address; empty means DOCKER_HOST, else the
	// engine's default socket.
	Host string
	// Limits hold for jobs that set none. Zero fields mean: all CPUs, 4 GiB
	// of memory, 4096 processes.
	Limits checks.Resources
	// Workspace bounds what a job may write to disk, in bytes, in its
	// workspace and elsewhere together; one file cannot be larger either.
	// Zero means 10 GiB.
	Workspace int64
	// Images are patterns of the images that a task may name, beside Image,
	// which always may be used; nil means all. In a pattern "*" stands for any
	// characters; one without a tag means all tags.
	Images []string
	// Pull is PullMissing, PullAlways or PullNever; empty means PullMissing.
	Pull string
	// Credentials are asked at each pull; nil means that there are none.
	Credentials Credentials
	// Own: there is no server and no operator, whoever asks runs their own
	// code on their own machine. What keeps an image from being used is told
	// in these terms.
	Own bool
	// Recorded gives the Exit.Image of an earlier job of a run whose Task.Image
	// was the same, from a process before, or "". It may be nil.
	Recorded func(run, image string) string
	// Wanted is asked by New about each job that an earlier process of the
	// instance left: those that it wants may be resumed, see Left. Nil wants
	// none.
	Wanted func(runner.Left) bool
	// Log bounds what the engine keeps of a job's output, in bytes, so that a
	// job can be resumed whose output is not longer; 0 means
	// runner.DefaultLogLimit; less has it keep none, where nobody takes jobs up.
	Log int64
	// At, when set, is told of each of Steps that a job has taken, so that tests
	// can have the process die there.
	At func(step string)
	// NoFirewall leaves the machine's packet filter alone. Otherwise jobs with
	// a network are kept from the machine and from private addresses where
	// iptables allows it, but for those in Reach.
	NoFirewall bool
	// WayFile is where it is kept from one process to the next that overlays
	// serve, by the engine's id; empty has each process try.
	WayFile string
	Reach   []netip.Prefix
	// StopGrace is how long a job that is told to stop may take before it is
	// killed (0: 5 s); StoppedCleanTime how long its clean lines may take
	// then (0: 20 s); CleanTime how long they may take otherwise (0: 5 min).
	StopGrace        time.Duration
	StoppedCleanTime time.Duration
	CleanTime        time.Duration
	// ReadyTime is how long a job's services may take together until all are
	// ready (0: 2 min).
	ReadyTime time.Duration

	// noMount has tests read artifacts as a server does that may not mount.
	noMount bool
	// timed has benchmarks see where the time of jobs goes.
	timed func(part string, took time.Duration)
	// noOverlay has tests copy the tree for each job.
	noOverlay bool
	// noProc has tests look at services as a server does that does not see the
	// engine's processes.
	noProc bool
}

// Steps are what a job comes by, in order. Not all do by all: what is taken of
// a job, and cleaning apart, is for those that leave something.
var Steps = []string{
	"entered", "created", "remembered", "attached", "started", "ended", "collected", "end noted", "clean created", "clean ended", "container removed", "removed",
}

// did tells tests of a step.
func (s *Sandbox) did(step string) {
	if s.o.At != nil {
		s.o.At(step)
	}
}

// Sandbox is a runner.Sandbox. Make one with New.
type Sandbox struct {
	o      Options
	engine *client.Client
	dial   func() (*client.Client, error) // a client with connections of its own

	log      zerolog.Logger
	firewall *firewall

	way way

	reaping sync.Mutex // held through one Reap

	witnessing sync.Mutex
	witness    *holder // see sharedWitness
	mooring    sync.Mutex
	anchor     *anchor // see moor

	// lowFiles: the engine itself may open fewer files than a job is to have,
	// and cannot give more than it has.
	lowFiles atomic.Bool

	mu      sync.Mutex
	machine *machine            // nil until the engine told
	network string              // id of the network for jobs; empty until made
	live    map[string]struct{} // names of the jobs that run, and of holders
	owed    bool                // something could not be removed
	idle    map[bool][]*holder  // by whether they have a network
	pins    map[pinKey]pin
	pulls   map[string]*pulling // by image
	left    map[checks.JobID]*jobRecord
	// abandoned hear of the Reap that removed what Abandon could not.
	abandoned []func()
	// noHolder is until when no holder is made.
	noHolder time.Time
}

var _ runner.Resumer = (*Sandbox)(nil)

// machine is what there is to know about the engine's machine.
type machine struct {
	id       string // the engine's own
	cpus     int
	memory   int64
	root     string // where the engine keeps its containers
	volatile bool   // overlays need not be synced to disk (Linux 5.10)
	caches   bool   // overlays can be told to leave no marks (Linux 4.19)
}

// New makes a Sandbox, which logs to ctx's logger where a call brings none. It
// does not ask the engine anything, so it succeeds while the engine is down.
func New(ctx context.Context, o Options) (*Sandbox, error) {
	switch {
	case o.Instance == "":
		return nil, errors.New("make sandbox: no instance is named")
	case !filepath.IsAbs(o.WorkDir):
		return nil, fmt.Errorf("make sandbox: work folder %q is not an absolute path", o.WorkDir)
	}
	if err := mountable(o.WorkDir); err != nil {
		return nil, err
	}
	o.WorkDir = filepath.Clean(o.WorkDir)
	if err := os.MkdirAll(o.WorkDir, 0o700); err != nil {
		return nil, checks.Errorf(checks.KindConfig, err, "The work folder cannot be made. Check data_dir and its permissions.")
	}
	if o.Image == "" {
		o.Image = defaultImage
	}
	if o.Limits.Memory <= 0 {
		o.Limits.Memory = defaultMemory
	}
	if o.Limits.PIDs <= 0 {
		o.Limits.PIDs = defaultPIDs
	}
	if o.Log == 0 {
		o.Log = runner.DefaultLogLimit
	}
	if o.Workspace <= 0 {
		o.Workspace = defaultWorkspace
	}
	switch o.Pull {
	case "":
		o.Pull = PullMissing
	case PullMissing, PullAlways, PullNever:
	default:
		return nil, checks.Errorf(checks.KindConfig, nil, "%q is no word for when images are pulled. Write one of missing, always, never.", short(o.Pull))
	}
	setDefault(&o.StopGrace, defaultStopGrace)
	setDefault(&o.StoppedCleanTime, defaultStoppedTime)
	setDefault(&o.CleanTime, defaultCleanTime)
	setDefault(&o.ReadyTime, defaultReady)

	opts := []client.Opt{client.FromEnv, client.WithAPIVersionNegotiation()}
	if o.Host != "" {
		opts = append(opts, client.WithHost(o.Host))
	}
	dial := func() (*client.Client, error) { return client.NewClientWithOpts(opts...) }
	engine, err := dial()
	if err != nil {
		return nil, checks.Errorf(checks.KindConfig, err, "The Docker engine's address is not valid. Check DOCKER_HOST.")
	}
	s := &Sandbox{
		o: o, engine: engine, dial: dial, log: *zerolog.Ctx(ctx), firewall: newFirewall(o), live: make(map[string]struct{}), idle: make(map[bool][]*holder),
		pins: make(map[pinKey]pin), pulls: make(map[string]*pulling), left: make(map[checks.JobID]*jobRecord),
	}
	return s, s.readLeft()
}

func setDefault(d *time.Duration, value time.Duration) {
	if *d <= 0 {
		*d = value
	}
}

// mountable reports why path cannot be part of an overlay's options.
func mountable(path string) error {
	if strings.ContainsAny(path, ",:\\\"\n") {
		return checks.Errorf(checks.KindConfig, fmt.Errorf("path %q", path),
			"The path of data_dir must not hold a comma, colon, quote, backslash or line break.")
	}
	return nil
}

// Ready reports why jobs cannot run now, or nil. It is safe for concurrent use.
func (s *Sandbox) Ready(ctx context.Context) error {
	ctx = s.logged(ctx)
	asked, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	if _, err := s.engine.Ping(asked); err != nil {
		if ctx.Err() == nil {
			s.forget()
		}
		return fault(err, "ask the engine whether it is up")
	}
	m, err := s.look(ctx)
	if err != nil {
		return err
	}
	copies, err := s.copies(ctx)
	if err != nil {
		return err
	}
	if !copies && m.root != "" && disk.Full(m.root) {
		return checks.Causef(checks.CauseDiskFull, nil,
			"The disk of the Docker engine is full. Its operator has to free some space; `docker system df` shows what the engine holds.")
	}
	return nil
}

// look learns about the engine's machine, once.
func (s *Sandbox) look(ctx context.Context) (machine, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.machine != nil {
		return *s.machine, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callTime)
	defer cancel()
	info, err := s.engine.Info(ctx)
	if err != nil {
		return machine{}, fault(err, "ask the engine about its machine")
	}
	version := s.engine.ClientVersion()
	switch {
	case versions.LessThan(version, minAPI):
		return machine{}, checks.Errorf(checks.KindConfig, nil,
			"The Docker engine is too old: it speaks API %s, and Loktar needs %s (Docker 20.10) or later.", version, minAPI)
	case info.OSType != "linux":
		return machine{}, checks.Errorf(checks.KindConfig, nil, "The Docker engine runs %s containers. Loktar needs one that runs Linux containers.", info.OSType)
	case info.CgroupDriver == "none":
		return machine{}, checks.Errorf(checks.KindConfig, nil,
			"The Docker engine ignores limits on memory and processes (it has no cgroup driver). Use an engine that runs as root, or give the rootless one systemd and cgroup v2.")
	}
	s.firewall.announce(ctx)
	s.machine = &machine{
		id: info.ID, cpus: info.NCPU, memory: info.MemTotal, root: info.DockerRootDir,
		volatile: atLeast(info.KernelVersion, 5, 10), caches: atLeast(info.KernelVersion, 4, 19),
	}
	return *s.machine, nil
}

// timed notes how long a part of a job takes, up to the call of its result.
func (s *Sandbox) timed(part string) (done func()) {
	if s.o.timed == nil {
		return func() {}
	}
	began := time.Now()
	return func() { s.o.timed(part, time.Since(began)) }
}

// logged is ctx with a logger in it.
func (s *Sandbox) logged(ctx context.Context) context.Context {
	if zerolog.Ctx(ctx).GetLevel() == zerolog.Disabled {
		return s.log.WithContext(ctx)
	}
	return ctx
}

// forget drops what is known about an engine that may be another one when it
// comes back.
func (s *Sandbox) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.owed = s.owed || s.network != ""
	s.machine, s.network = nil, ""
	for _, idle := range s.idle {
		for _, h := range idle {
			delete(s.live, h.name)
			s.owed = true
		}
	}
	clear(s.idle)
}

// atLeast reports whether a kernel release such as "6.1.0-18-amd64" is not
// older than major.minor.
func atLeast(release string, major, minor int) bool {
	parts := strings.FieldsFunc(release, func(r rune) bool { return r < '0' || r > '9' })
	if len(parts) < 2 {
		return false
	}
	a, _ := strconv.Atoi(parts[0])
	b, _ := strconv.Atoi(parts[1])
	return a > major || a == major && b >= minor
}

// enter notes that the job called name is live, so that Reap leaves it alone.
func (s *Sandbox) enter(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live[name] = struct{}{}
}

func (s *Sandbox) leave(name string, removed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.live, name)
	s.owed = s.owed || !removed
}

// Engine is the engine's client, for what is no job. It is closed with s.
func (s *Sandbox) Engine() *client.Client { return s.engine }

// Close removes what was kept between jobs. Call it when no Run is under way.
func (s *Sandbox) Close() error {
	ctx, cancel := context.WithTimeout(s.logged(context.Background()), 30*time.Second)
	defer cancel()
	s.removeHolders(ctx)
	s.mooring.Lock()
	s.castOff()
	s.mooring.Unlock()
	err := errors.Join(s.removeNetwork(ctx), s.settle(ctx), s.firewall.remove(ctx))
	return errors.Join(err, s.engine.Close())
}
