package docker_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/filters"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/docker"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// small lets a job write little.
func small(o *docker.Options) { o.Workspace = 24 << 20 }

func TestDiskFillIsEnded(t *testing.T) {
	b := setUp(t, small)
	withVolume := "loktar/test-volume:" + strings.ReplaceAll(b.instance[len(b.instance)-13:], ".", "")
	derive(t, withVolume, "VOLUME /volume")
	for name, step := range map[string]string{
		"workspace": `i=0; while :; do i=$((i+1)); head -c 1m /dev/zero > f$i || :; sleep 0.02; done`,
		"root":      `i=0; while :; do i=$((i+1)); head -c 1m /dev/zero > /tmp/f$i || :; sleep 0.02; done`,
		"deep":      `i=0; while :; do i=$((i+1)); mkdir a 2>/dev/null || :; cd a; head -c 256k /dev/zero > f || :; done`,
		"hidden":    `i=0; while :; do i=$((i+1)); mkdir -p d; chmod 0 d; head -c 1m /dev/zero > d/f$i || :; done`,
		// Files that are open and have no name any more.
		"unnamed":         `i=0; while :; do i=$((i+1)); (exec 3>f$i; rm f$i; head -c 1m /dev/zero >&3; exec sleep 100) & sleep 0.02; done`,
		"unnamed in root": `i=0; while :; do i=$((i+1)); (exec 3>/tmp/f$i; rm /tmp/f$i; head -c 1m /dev/zero >&3; exec sleep 100) & sleep 0.02; done`,
		"volume":          `i=0; while :; do i=$((i+1)); head -c 1m /dev/zero > /volume/f$i || :; sleep 0.02; done`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := b.task(step)
			if name == "volume" {
				task.Image = withVolume
			}
			task.Timeout = 50 * time.Second
			exit, out := b.run(task)
			if !strings.Contains(exit.Exceeded, "runner.workspace") && !strings.Contains(exit.Exceeded, "folders one in another") || exit.TimedOut {
				t.Errorf("exit %+v\n%.1000s", exit, out)
			}
			contains(t, out, "and was ended", "cleaned")
		})
	}
}

// A job that ignores every signal and goes on to write as it cleans up is
// ended all the same.
func TestDiskFillWhileCleaning(t *testing.T) {
	b := setUp(t, small, func(o *docker.Options) { o.StoppedCleanTime, o.CleanTime = time.Minute, time.Minute })
	fill := `trap '' TERM; i=0; while :; do i=$((i+1)); head -c 1m /dev/zero > g$i || :; sleep 0.01; done`
	for name, step := range map[string]string{"after a step that fills too": fill, "alone": "exit 3"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := b.task(step)
			task.Clean = []string{fill}
			started := time.Now()
			exit, out := b.run(task)
			if took := time.Since(started); took > 50*time.Second {
				t.Errorf("it took %v", took)
			}
			if (exit.Exceeded == "") != (name == "alone") || name == "alone" && exit.Code != 3 {
				t.Errorf("exit %+v\n%.1000s", exit, out)
			}
		})
	}
}

func TestOneFileIsBounded(t *testing.T) {
	b := setUp(t, small)
	exit, out := b.run(b.task("ulimit -f; truncate -s 100m sparse || echo refused"))
	if exit.Code != 0 || exit.Exceeded != "" {
		t.Errorf("exit %+v", exit)
	}
	contains(t, out, "refused")
}

func TestDevicesAndLinksLeadNowhere(t *testing.T) {
	b := setUp(t)
	outside := filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("of the host"), 0o666); err != nil {
		t.Fatal(err)
	}
	b.write("file", "of the tree")
	// The repository itself may hold such links.
	for name, target := range map[string]string{"abs": outside, "up": "../../../../../../.." + outside, "proc": "/proc/1/root" + outside, "work": b.work} {
		if err := os.Symlink(target, filepath.Join(b.tree, name)); err != nil {
			t.Fatal(err)
		}
	}
	before := listing(t, b.tree)
	exit, out := b.run(b.task(
		`for l in abs up proc; do if cat $l 2>/dev/null; then exit 1; fi; if echo written > $l 2>/dev/null; then exit 2; fi; done`,
		`if ls work/ 2>/dev/null | grep .; then exit 3; fi`,
		`for n in "b 8 0" "b 254 0" "c 1 1" "c 10 229"; do if mknod d $n 2>/dev/null; then exit 4; fi; done`,
		`mkfifo pipe; ln -s / root; ln file hard; echo changed > hard; ln -sfn /proc/self/root top; mkdir -p deep/a; ln -s .. deep/a/up`,
		`for o in bind,remount rbind; do if mount -o $o / /mnt 2>/dev/null; then exit 5; fi; done`,
		`if chroot / true 2>/dev/null; then exit 6; fi`,
		`cp /bin/busybox su; chmod 4755 su; grep workspace /proc/mounts`,
		`if echo x > /proc/sys/kernel/core_pattern; then exit 7; fi 2>/dev/null; if echo b > /proc/sysrq-trigger; then exit 8; fi 2>/dev/null`,
		`if ls /dev | grep -E '^(sd|vd|nvme|kvm|mem|fuse|loop)'; then exit 9; fi`,
		`for s in /var/run/docker.sock /run/docker.sock /run/containerd/containerd.sock; do [ ! -e $s ]; done`,
		`if grep -E ' /(etc|var|home|root|usr)( |/)' /proc/mounts | grep -vE '/etc/(hosts|hostname|resolv.conf)'; then exit 10; fi`,
	))
	if exit.Code != 0 {
		t.Fatalf("exit %+v\n%s", exit, out)
	}
	contains(t, out, "nosuid", "nodev")
	if after := listing(t, b.tree); after != before {
		t.Errorf("the worktree changed:\n%s\nwas:\n%s", after, before)
	}
	if text, err := os.ReadFile(outside); err != nil || string(text) != "of the host" {
		t.Errorf("the host's file is %q, %v", text, err)
	}
	b.wantNothingLeft(t.Context())
}

func TestZombiesAreReaped(t *testing.T) {
	b := setUp(t)
	task := b.task(
		`for i in $(seq 200); do ( (exec sleep 0.01) & ) ; done; sleep 1`,
		`n=0; for s in /proc/[0-9]*/stat; do case $(cat $s 2>/dev/null) in *") Z "*) n=$((n+1)) ;; esac; done; echo "zombies: $n"; [ $n -lt 5 ]`,
	)
	task.Resources.PIDs = 256
	if exit, out := b.run(task); exit.Code != 0 {
		t.Errorf("exit %+v\n%.2000s", exit, out)
	}
}

func TestMemoryIsBoundedInEveryForm(t *testing.T) {
	b := setUp(t)
	for name, step := range map[string]string{
		"processes":   `for i in 1 2 3 4; do (x=$(head -c 12m /dev/zero | tr '\0' x); sleep 1) & done; wait; x=$(head -c 40m /dev/zero | tr '\0' x)`,
		"shared":      `head -c 60m /dev/zero > /dev/shm/f`,
		"swap is not": `x=$(head -c 100m /dev/zero | tr '\0' x)`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			task := b.task(step)
			task.Resources = checks.Resources{Memory: 32 << 20}
			if exit, out := b.run(task); exit.Code == 0 {
				t.Errorf("exit %+v\n%.1000s", exit, out)
			}
		})
	}
}

// TestNeighbours runs two jobs at once and one after another, and looks for
// what one could see of another.
func TestNeighbours(t *testing.T) {
	b := setUp(t)
	for _, network := range []bool{false, true} {
		t.Run(fmt.Sprint("network ", network), func(t *testing.T) {
			first := b.task(
				"hostname -i 2>/dev/null || echo none; echo secret > /tmp/left; echo secret > left; echo secret > /dev/shm/left; nc -l -p 7777 -e echo secret & " +
					"ip -4 -o addr show | sed 's/^/addr /'; echo up; i=0; while [ $i -lt 150 ]; do sleep 0.1; i=$((i+1)); [ ! -e /tmp/stop ]; done",
			)
			first.Network = network
			out := newOutput()
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan struct{})
			go func() {
				defer close(done)
				_, _ = b.Run(ctx, first, out)
			}()
			out.await(t, "up\n")
			targets := "127.0.0.1"
			for line := range strings.Lines(out.String()) {
				if f := strings.Fields(line); len(f) > 4 && f[0] == "addr" && f[2] != "lo" {
					a, _, _ := strings.Cut(f[4], "/")
					targets += " " + a
				}
			}
			if network && targets == "127.0.0.1" {
				t.Fatalf("the first job has no address:\n%s", out)
			}
			look := b.task(
				"for a in "+targets+"; do if echo | nc -w 2 $a 7777 2>/dev/null | grep secret; then exit 1; fi; done",
				"if cat /tmp/left left /dev/shm/left 2>/dev/null; then exit 2; fi",
				"if ps | grep -c '[n]c -l' | grep -v '^0$'; then exit 3; fi",
				"if grep -i 1E61 /proc/net/tcp /proc/net/tcp6; then exit 4; fi; [ \"$(grep -c / /proc/net/unix)\" -eq 0 ]",
			)
			look.Network = network
			if exit, text := b.run(look); exit.Code != 0 {
				t.Errorf("beside it: exit %+v\n%s", exit, text)
			}
			cancel()
			<-done
			for range 2 { // the slots of both jobs
				if exit, text := b.run(look); exit.Code != 0 {
					t.Errorf("after it: exit %+v\n%s", exit, text)
				}
			}
		})
	}
}

// listen is a listener on the host that a job must not reach.
func listen(t *testing.T, address string) (port string) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", address+":0")
	if err != nil {
		t.Skipf("cannot listen on %s: %v", address, err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write([]byte("reached\n"))
			c.Close()
		}
	}()
	_, port, _ = net.SplitHostPort(l.Addr().String())
	return port
}

func TestNetworkDoesNotReachTheHost(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("the rules take root")
	}
	b := setUp(t)
	port := listen(t, "0.0.0.0")
	hosts := "$(ip route | sed -n 's/^default via \\([0-9.]*\\).*/\\1/p') 169.254.169.254"
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			hosts += " " + n.IP.String()
		}
	}
	// A container of somebody else's, on the engine's own bridge.
	engine := dockertest.Engine(t)
	made, err := engine.ContainerCreate(t.Context(), &container.Config{Image: dockertest.Image(t), Cmd: []string{"sh", "-c", "while :; do nc -l -p " + port + " -e echo reached; done"}}, nil, nil, nil, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = engine.ContainerRemove(context.Background(), made.ID, container.RemoveOptions{Force: true})
	}()
	if err := engine.ContainerStart(t.Context(), made.ID, container.StartOptions{}); err != nil {
		t.Fatal(err)
	}
	seen, err := engine.ContainerInspect(t.Context(), made.ID)
	if err != nil {
		t.Fatal(err)
	}
	hosts += " " + seen.NetworkSettings.Networks["bridge"].IPAddress
	task := b.task(fmt.Sprintf("for h in %s; do echo \"try $h\"; if nc -w 3 $h %s </dev/null 2>/dev/null | grep reached; then exit 1; fi; done", hosts, port))
	task.Network = true
	if exit, out := b.run(task); exit.Code != 0 {
		t.Errorf("exit %+v\n%s", exit, out)
	}
	// Without the rules the same job gets there: the test sees what it should.
	open := benchUp(t, func(o *docker.Options) { o.NoFirewall = true })
	if exit, out := open.run(task); exit.Code == 0 {
		t.Errorf("without rules nothing was reached either:\n%s", out)
	}
}

func TestNamesAreResolved(t *testing.T) {
	b := setUp(t)
	name := "deb.debian.org"
	if _, err := net.DefaultResolver.LookupHost(t.Context(), name); err != nil {
		t.Skipf("the host itself resolves no names: %v", err)
	}
	task := b.task("nslookup " + name)
	task.Network = true
	if exit, out := b.run(task); exit.Code != 0 {
		t.Errorf("exit %+v\n%s", exit, out)
	}
}

// TestNothingOfTheHostIsMounted looks at a job's container from outside.
func TestNothingOfTheHostIsMounted(t *testing.T) {
	b := setUp(t)
	engine := dockertest.Engine(t)
	out := newOutput()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = b.Run(ctx, b.task("echo up; sleep 300"), out)
	}()
	defer func() { cancel(); <-done }()
	out.await(t, "up\n")
	found, err := engine.ContainerList(t.Context(), container.ListOptions{All: true, Filters: filters.NewArgs(
		filters.Arg("label", docker.LabelInstance+"="+b.instance), filters.Arg("label", docker.LabelJob))})
	if err != nil || len(found) != 1 {
		t.Fatalf("the job's container: %v, %v", found, err)
	}
	seen, err := engine.ContainerInspect(t.Context(), found[0].ID)
	if err != nil {
		t.Fatal(err)
	}
	h := seen.HostConfig
	if h.Privileged || len(h.Binds) > 0 || len(h.Devices) > 0 || h.PidMode != "" || h.UTSMode != "" || !h.IpcMode.IsPrivate() || h.NetworkMode.IsHost() {
		t.Errorf("the job's container is made with %+v", h)
	}
	for _, m := range h.Mounts {
		if m.Type != "volume" && (!m.ReadOnly || !strings.HasPrefix(m.Target, "/etc/")) {
			t.Errorf("mounted: %+v", m)
		}
	}
	if h.Memory == 0 || h.MemorySwap != h.Memory || h.PidsLimit == nil || h.ShmSize > h.Memory || len(h.Ulimits) < 2 {
		t.Errorf("the limits are %+v", h.Resources)
	}
}
