package docker_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dudesons/loktar/checks"
)

func TestConfinement(t *testing.T) {
	b := setUp(t)
	task := b.task(
		"grep -E 'CapBnd|CapEff|NoNewPrivs|Seccomp:' /proc/self/status",
		"ls /sys/class/net",
		"if [ -e /var/run/docker.sock ] || [ -e /run/docker.sock ]; then echo socket; exit 1; fi",
		"if mount -t tmpfs none /mnt 2>/dev/null; then exit 1; fi",
		"if mknod /tmp/disk b 8 0 2>/dev/null; then exit 1; fi",
		"ulimit -c; [ $(ulimit -Hn) -le 65536 ]",
		"env; cat /proc/mounts",
	)
	exit, out := b.run(task)
	if exit.Code != 0 {
		t.Fatalf("exit %+v\n%s", exit, out)
	}
	// CHOWN 0, DAC_OVERRIDE 1, FOWNER 3, FSETID 4, KILL 5, SETGID 6, SETUID 7.
	contains(t, out, "CapEff:\t00000000000000fb", "CapBnd:\t00000000000000fb", "NoNewPrivs:\t1", "Seccomp:\t2", "lo\n", "0\n")
	for _, bad := range []string{"eth0", "of-the-host", "LOKTAR_TEST_HOST_SECRET"} {
		if strings.Contains(out, bad) {
			t.Errorf("the job sees %q:\n%s", bad, out)
		}
	}
}

func TestNetwork(t *testing.T) {
	b := setUp(t)
	task := b.task("ls /sys/class/net; cat /etc/resolv.conf | head -c 0")
	task.Network = true
	for range 2 {
		exit, out := b.run(task)
		if exit.Code != 0 {
			t.Fatalf("exit %+v", exit)
		}
		contains(t, out, "eth0\n", "lo\n")
	}
}

func TestWritesStayAbove(t *testing.T) {
	b := setUp(t)
	b.write("keep/a", "a")
	b.write("gone", "b")
	before := listing(t, b.tree)
	exit, out := b.run(b.task("echo changed > keep/a; rm gone; mkdir -p new/deep; echo x > new/deep/file; chmod 000 new; rm -rf keep; ls -A"))
	if exit.Code != 0 {
		t.Fatalf("exit %+v\n%s", exit, out)
	}
	if after := listing(t, b.tree); after != before {
		t.Errorf("the tree beneath changed:\n%s\nwas:\n%s", after, before)
	}
	b.wantNothingLeft(t.Context())
	// The next job sees the tree, not what the one before wrote.
	_, out = b.run(b.task("cat keep/a gone; ls -A"))
	contains(t, out, "ab", "Makefile\ngone\nkeep\n")
}

func listing(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all.WriteString(path + " " + info.Mode().String() + " " + info.ModTime().String())
		if link, err := os.Readlink(path); err == nil {
			all.WriteString(" -> " + link)
		} else if !d.IsDir() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all.Write(text)
		}
		all.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

func TestForkBombIsBounded(t *testing.T) {
	b := setUp(t)
	task := b.task(`bomb() { bomb | bomb & }; bomb; sleep 300`)
	task.Resources.PIDs = 64
	task.Timeout = 3 * time.Second
	started := time.Now()
	exit, out := b.run(task)
	if took := time.Since(started); took > 30*time.Second {
		t.Errorf("it took %v", took)
	}
	if exit.Code == 0 && !exit.TimedOut {
		t.Errorf("exit %+v\n%.2000s", exit, out)
	}
	b.wantNothingLeft(t.Context())
}

func TestOutOfMemory(t *testing.T) {
	b := setUp(t)
	task := b.task("head -c 100m /dev/zero | tail -c 90m > /dev/null")
	task.Resources, task.Timeout = checks.Resources{Memory: 32 << 20}, 10*time.Minute
	exit, out := b.run(task)
	if exit.Code == 0 || !exit.OutOfMemory || exit.MemoryLimit != 32<<20 {
		t.Errorf("exit %+v\n%s", exit, out)
	}
	contains(t, out, "cleaned")
}

func TestLimitsBeyondTheMachineAreCut(t *testing.T) {
	b := setUp(t)
	task := b.task("true")
	task.Resources = checks.Resources{CPUs: 10000, Memory: 1 << 60, PIDs: 100}
	if exit, out := b.run(task); exit.Code != 0 {
		t.Errorf("exit %+v\n%s", exit, out)
	}
}
