package docker

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/pkg/stdcopy"

	"github.com/dudesons/loktar/checks"
)

// socketFiles are the tables of sockets in a folder of /proc.
var socketFiles = []string{"tcp", "tcp6", "udp", "udp6"}

// listening looks whether something listens at each of ports where the steps
// reach it. It reads the kernel's own tables: nothing of the service's image is
// needed, and nobody connects.
func (s *Sandbox) listening(j *job, v *service, ports []int) probe {
	read, there := s.socketsHere(v), false
	return func(ctx context.Context) (bool, string, error) {
		tables, err := read(ctx)
		if errors.Is(err, os.ErrNotExist) && !there && ctx.Err() == nil {
			// The service's process is not to be seen from here.
			there = true
			var made func(context.Context) ([]byte, error)
			if made, err = s.socketsThere(ctx, j, v); err == nil {
				read = made
				tables, err = read(ctx)
			}
		}
		if err != nil {
			return false, "", err
		}
		for _, port := range ports {
			switch open, local := listens(tables, port); {
			case open:
			case local:
				return false, fmt.Sprintf("what listens at port %d does so on the loopback alone, where the steps do not reach it", port), nil
			default:
				return false, fmt.Sprintf("nothing listened at port %d", port), nil
			}
		}
		return true, "", nil
	}
}

// socketsHere reads the tables of v's process, which has the network of its
// container.
func (s *Sandbox) socketsHere(v *service) func(context.Context) ([]byte, error) {
	pid := 0
	return func(ctx context.Context) ([]byte, error) {
		if s.o.noProc {
			return nil, os.ErrNotExist
		}
		if pid == 0 {
			seen, err := s.engine.ContainerInspect(ctx, v.id)
			if err != nil {
				return nil, fault(err, "inspect service")
			}
			pid = seen.State.Pid
		}
		dir := filepath.Join("/proc", strconv.Itoa(pid))
		groups, err := os.ReadFile(filepath.Join(dir, "cgroup"))
		if err != nil || !bytes.Contains(groups, []byte(v.id)) {
			return nil, errors.Join(os.ErrNotExist, err)
		}
		var all []byte
		for _, name := range socketFiles {
			text, err := os.ReadFile(filepath.Join(dir, "net", name))
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return nil, err
			}
			all = append(all, text...)
		}
		return all, nil
	}
}

// socketsScript prints the tables again and again.
const socketsScript = `while :; do
	for f in tcp tcp6 udp udp6; do
		[ -e /proc/net/$f ] || continue
		while read -r line; do echo "$line"; done </proc/net/$f
	done
	echo end
	sleep 0.2 || sleep 1 || exit
done`

// socketsThere reads them through a container of the job's image, which has a
// shell, in v's network. It goes when ctx ends.
func (s *Sandbox) socketsThere(ctx context.Context, j *job, v *service) (_ func(context.Context) ([]byte, error), err error) {
	making, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTime)
	defer cancel()
	name := j.name + "-looks-at-" + v.Name
	j.keepHelper(name)
	host := s.confined(checks.Resources{Memory: 32 << 20, PIDs: 16}, true)
	host.CapAdd, host.NetworkMode = nil, container.NetworkMode("container:"+v.id)
	made, err := s.engine.ContainerCreate(making, &container.Config{
		Image: j.image.id, User: "65534:65534", WorkingDir: "/", Labels: s.labels(j), Healthcheck: &container.HealthConfig{Test: []string{"NONE"}},
		Entrypoint: []string{"/bin/sh", "-c", socketsScript}, Cmd: []string{}, AttachStdout: true,
	}, host, nil, nil, "loktar-"+name)
	if err != nil {
		return nil, fault(err, "create helper container")
	}
	stream, err := s.engine.ContainerAttach(context.WithoutCancel(ctx), made.ID, container.AttachOptions{Stream: true, Stdout: true})
	if err != nil {
		return nil, fault(err, "attach to helper container")
	}
	context.AfterFunc(ctx, stream.Close)
	if err := s.engine.ContainerStart(making, made.ID, container.StartOptions{}); err != nil {
		return nil, fault(err, "start helper container")
	}
	from, to := io.Pipe()
	go func() {
		_, err := stdcopy.StdCopy(to, io.Discard, stream.Reader)
		_ = to.CloseWithError(cmp.Or(err, io.EOF)) // never fails
	}()
	context.AfterFunc(ctx, func() { _ = from.Close() })
	lines := bufio.NewScanner(from)
	return func(ctx context.Context) ([]byte, error) {
		var all []byte
		for lines.Scan() {
			if lines.Text() == "end" {
				return all, nil
			}
			all = append(append(all, lines.Bytes()...), '\n')
		}
		return nil, fault(cmp.Or(lines.Err(), ctx.Err(), io.ErrUnexpectedEOF), "read from helper container")
	}, nil
}

// listens looks for a socket that takes connections or packets from others at
// port; local tells that there is one on the loopback alone. tables are those
// of Linux, see proc_net_tcp.txt in its documentation.
func listens(tables []byte, port int) (open, local bool) {
	for line := range strings.Lines(string(tables)) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasSuffix(fields[0], ":") {
			continue
		}
		address, at, found := strings.Cut(fields[1], ":")
		number, err := strconv.ParseUint(at, 16, 16)
		// 0A is a socket of TCP that listens, 07 one of UDP that nobody else
		// has connected.
		if !found || err != nil || int(number) != port || fields[3] != "0A" && fields[3] != "07" {
			continue
		}
		if a, ok := socketAddress(address); ok && !a.IsLoopback() {
			return true, false
		}
		local = true
	}
	return false, local
}

// socketAddress reads an address as the kernel prints it: each word of 32 bits
// in the machine's order.
func socketAddress(text string) (netip.Addr, bool) {
	raw, err := hex.DecodeString(text)
	if err != nil || len(raw)%4 != 0 {
		return netip.Addr{}, false
	}
	for at := 0; at < len(raw); at += 4 {
		word := binary.BigEndian.Uint32(raw[at:])
		binary.NativeEndian.PutUint32(raw[at:], word)
	}
	a, ok := netip.AddrFromSlice(raw)
	return a.Unmap(), ok
}
