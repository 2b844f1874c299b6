package docker

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"sync/atomic"
	"time"

	"github.com/docker/docker/api/types/container"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/disk"
)

// noteRoom remembers when a disk that j writes to is full, whoever filled it.
// What j comes to is then no word about its code.
func (s *Sandbox) noteRoom(ctx context.Context, j *job) {
	switch {
	case j.diskFull.Load():
	case j.copies:
		s.tryRoom(ctx, j)
	default:
		for _, dir := range []string{j.dir, j.machine.root} {
			if dir != "" && disk.Full(dir) {
				j.diskFull.Store(true)
			}
		}
	}
}

// errDiskFull is what ends a job that failed on a full disk.
func errDiskFull() error {
	return checks.Causef(checks.CauseDiskFull, nil,
		"A disk of the server or of the Docker engine was full while the job ran, so what it came to says nothing about the code. The server's operator has to free some space; `docker system df` shows what the engine holds.")
}

const (
	// maxTries bounds how often the engine's disk is tried for one job.
	maxTries = 5
	// tryTime bounds one try.
	tryTime = 30 * time.Second
)

// tryRoom is noteRoom for an engine whose disk cannot be seen from here. Only
// when the job said that there is no space it is tried whether that is so: its
// words alone count for nothing.
func (s *Sandbox) tryRoom(ctx context.Context, j *job) {
	if !j.noSpace.said.Load() || j.tries.Load() >= maxTries || !j.noSpace.said.Swap(false) {
		return
	}
	j.tries.Add(1)
	err := s.fillABit(ctx, j.image.id)
	switch {
	case checks.CauseOf(err) == checks.CauseDiskFull:
		j.diskFull.Store(true)
	case ctx.Err() != nil:
		j.noSpace.said.Store(true) // for who asks next
	}
}

// fillABit writes to the engine's disk as much as one that is not full takes,
// into a container that never starts and is gone afterwards.
func (s *Sandbox) fillABit(ctx context.Context, image string) error {
	ctx, cancel := context.WithTimeout(ctx, tryTime)
	defer cancel()
	name := randomName()
	s.enter(name)
	defer func() {
		removing, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
		defer cancel()
		gone, _ := s.removeContainer(removing, name)
		s.leave(name, gone)
	}()
	made, err := s.engine.ContainerCreate(ctx, &container.Config{
		Image: image, Labels: map[string]string{LabelInstance: s.o.Instance, labelName: name}, Entrypoint: []string{"/"},
	}, &container.HostConfig{NetworkMode: "none"}, nil, nil, "loktar-"+name)
	if err == nil {
		err = s.engine.CopyToContainer(ctx, made.ID, "/", zeros(disk.LittleBytes), container.CopyToContainerOptions{})
	}
	return fault(err, "try the engine's disk")
}

// zeros is an archive of one file of so many bytes, a multiple of 512.
func zeros(size int64) io.Reader {
	var head bytes.Buffer
	// A buffer takes all.
	_ = tar.NewWriter(&head).WriteHeader(&tar.Header{Name: "loktar-room", Mode: 0o600, Size: size})
	const end = 1024
	return io.MultiReader(&head, io.LimitReader(zero{}, size+end))
}

type zero struct{}

func (zero) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// noSpaceText is how the system says that a disk is full. A C library has its
// first letter large.
const noSpaceText = "no space left on device"

// listener listens to output for noSpaceText. Only one goroutine calls hear.
type listener struct {
	said atomic.Bool
	tail []byte // what may be its beginning
}

func (l *listener) hear(b []byte) {
	text := append(l.tail, b...)
	if bytes.Contains(text, []byte(noSpaceText[1:])) {
		l.said.Store(true)
		text = nil
	}
	l.tail = bytes.Clone(text[max(0, len(text)-len(noSpaceText)+2):])
}
