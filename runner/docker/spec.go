package docker

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// workspace is where a job finds the repository's files.
const workspace = runner.TreeRoot

// maxFiles is how many files a process of a job may have open.
const maxFiles = 65536

// maxTmpfs bounds a folder in memory, in bytes. What it holds counts as the
// job's memory.
const maxTmpfs = 1 << 30

// capabilities are what package managers need of root, and no more.
var capabilities = []string{"CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"}

// hostsFile is in the folder of a job, and is what it has as /etc/hosts.
const hostsFile = "hosts"

const hosts = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

// limitsOf fills in what the package left open and keeps it to what the
// machine has, as the engine refuses more.
func (s *Sandbox) limitsOf(r checks.Resources, m machine) checks.Resources {
	if r.CPUs <= 0 {
		r.CPUs = s.o.Limits.CPUs
	}
	if r.Memory <= 0 {
		r.Memory = s.o.Limits.Memory
	}
	if r.PIDs <= 0 {
		r.PIDs = s.o.Limits.PIDs
	}
	if r.CPUs > 0 {
		r.CPUs = min(max(r.CPUs, 0.01), float64(m.cpus))
	}
	r.Memory = min(max(r.Memory, 6<<20), m.memory)
	return r
}

// spec describes the container of a job.
func (s *Sandbox) spec(j *job) (*container.Config, *container.HostConfig) {
	labels := s.labels(j)
	var env []string
	for _, name := range slices.Sorted(maps.Keys(j.task.Env)) {
		env = append(env, name+"="+j.task.Env[name])
	}
	// docker-init is tini, and hands signals to the whole group with this.
	env = append(env, "TINI_KILL_PROCESS_GROUP=1")

	env = append(env, gitEnv(j.task)...)
	for _, name := range slices.Sorted(maps.Keys(j.task.Secrets)) { // last, see Env
		env = append(env, name+"="+j.task.Secrets[name])
	}
	init := true
	config := &container.Config{
		Image:        j.image.id,
		Labels:       labels,
		Env:          env,
		User:         "0:0",
		WorkingDir:   workspace,
		Entrypoint:   []string{"/bin/sh", "-c"},
		Cmd:          arguments(j.task, j.nonce),
		AttachStdout: true,
		AttachStderr: true,
		Healthcheck:  &container.HealthConfig{Test: []string{"NONE"}},
	}
	host := s.confined(j.limits, j.image.readOnly)
	host.LogConfig, host.NetworkMode, host.Init, host.Mounts, host.DNS = s.ownCopy(), container.NetworkMode(j.network), &init, s.workspaceMounts(j, labels), j.nameServers()
	switch {
	case j.holder != nil:
		host.Mounts = append(host.Mounts, j.holder.files...)
	case j.alone():
		// It needs no holder. The OCI runtime makes the namespace, with nothing but
		// its loopback. For the engine's own kind of "none" the engine starts itself
		// once more; that is most of what starting such a container costs. It writes
		// no hosts file then.
		config.NetworkDisabled = true
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: filepath.Join(j.dir, hostsFile), Target: "/etc/hosts", ReadOnly: true})
	}
	return config, host
}

// alone reports whether j has neither a network nor anybody to share one with,
// and sees files of this machine.
func (j *job) alone() bool {
	return !j.task.Network && !j.copies && j.holder == nil && len(j.task.Services) == 0
}

// ownCopy has the engine keep what the job prints, for a process that takes
// the job up (see Resume). A job that prints as much as fills a file is over
// the log's limit, and is ended.
func (s *Sandbox) ownCopy() container.LogConfig {
	if s.o.Log < 0 {
		return container.LogConfig{Type: "none"}
	}
	return keptBy(s.o.Log)
}

// keptBy has the engine keep what a container prints in two files, of which
// each has room for all that a log of that limit keeps.
func keptBy(limit int64) container.LogConfig {
	return container.LogConfig{Type: "local", Config: map[string]string{
		"max-size": strconv.FormatInt(2*limit+(1<<20), 10), "max-file": "2", "compress": "false",
	}}
}

// confined is what every container of a job has in common: what its processes
// may do, and how much of the machine they may take.
func (s *Sandbox) confined(limits checks.Resources, readOnly bool) *container.HostConfig {
	ulimits := append(s.openFiles(), &container.Ulimit{Name: "core"}, &container.Ulimit{Name: "fsize", Soft: s.o.Workspace, Hard: s.o.Workspace})
	host := &container.HostConfig{
		// A copy that the engine keeps by its own defaults may be an unbounded
		// file.
		LogConfig:   container.LogConfig{Type: "none"},
		CapDrop:     []string{"ALL"},
		CapAdd:      capabilities,
		SecurityOpt: []string{"no-new-privileges:true"},
		IpcMode:     container.IPCModePrivate,
		ShmSize:     min(maxTmpfs, limits.Memory/2),
		Resources: container.Resources{
			NanoCPUs:   int64(limits.CPUs * 1e9),
			Memory:     limits.Memory,
			MemorySwap: limits.Memory,
			PidsLimit:  &limits.PIDs,
			Ulimits:    ulimits,
		},
	}
	if readOnly {
		host.ReadonlyRootfs, host.Tmpfs = true, make(map[string]string)
		for _, dir := range []string{"/tmp", "/var/tmp", "/run", "/root"} {
			host.Tmpfs[dir] = fmt.Sprintf("rw,exec,nosuid,nodev,mode=%s,size=%d", tmpfsMode(dir), min(maxTmpfs, limits.Memory/2))
		}
	}
	return host
}

// openFiles is the limit to what a process may have open.
func (s *Sandbox) openFiles() []*container.Ulimit {
	if s.lowFiles.Load() {
		return nil
	}
	return []*container.Ulimit{{Name: "nofile", Soft: maxFiles, Hard: maxFiles}}
}

// tmpfsMode is who may write to a folder in memory.
func tmpfsMode(dir string) string {
	if strings.HasSuffix(dir, "tmp") {
		return "1777"
	}
	return "755"
}
