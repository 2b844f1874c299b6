package sandboxtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner"
)

// Dummy is a runner.Sandbox for tests that need no engine: plain processes of
// this machine on a copy of the tree, with the rights of the test. It confines
// nothing, knows no images, has no services and lays no .git folder over the tree.
type Dummy struct {
	// Grace is how long what is told to stop may take, and the clean lines
	// then; 0 means 2 s.
	Grace time.Duration
}

var _ runner.Sandbox = (*Dummy)(nil)

// Ready implements runner.Sandbox.
func (d *Dummy) Ready(context.Context) error { return nil }

// Close implements runner.Sandbox.
func (d *Dummy) Close() error { return nil }

// dummyJob is one Run.
type dummyJob struct {
	task   runner.Task
	dir    string // the package's folder in the copy
	env    []string
	out    runner.Output
	pipe   *os.File
	read   *os.File
	mu     sync.Mutex // held while what was read goes to out
	groups []int      // of processes, for all lines
}

// Run implements runner.Sandbox.
func (d *Dummy) Run(ctx context.Context, t runner.Task, out runner.Output) (exit runner.Exit, err error) {
	if ctx.Err() != nil {
		return exit, ctx.Err()
	}
	if len(t.Services) > 0 {
		return exit, checks.Errorf(checks.KindConfig, nil, "Plain processes have no services.")
	}
	grace := d.Grace
	if grace <= 0 {
		grace = 2 * time.Second
	}
	work, err := os.MkdirTemp("", "loktar-dummy-")
	if err != nil {
		return exit, checks.Errorf(checks.KindConfig, err, "The folder for temporary files cannot be written.")
	}
	defer func() {
		_ = exec.Command("chmod", "-R", "u+rwX", work).Run() //nolint:noctx // it has to be done
		_ = os.RemoveAll(work)
	}()
	if words, err := exec.CommandContext(ctx, "cp", "-a", t.Tree+"/.", work).CombinedOutput(); err != nil {
		return exit, fmt.Errorf("copy tree: %w: %s", err, words)
	}
	for _, name := range t.Hidden {
		if err := os.RemoveAll(filepath.Join(work, filepath.FromSlash(name))); err != nil {
			return exit, fmt.Errorf("hide %s: %w", name, err)
		}
	}
	j := &dummyJob{task: t, dir: filepath.Join(work, filepath.FromSlash(t.Dir)), out: out, env: []string{"PATH=" + os.Getenv("PATH")}}
	for _, env := range []map[string]string{t.Env, t.Secrets} {
		for name, value := range env {
			j.env = append(j.env, name+"="+value)
		}
	}
	if j.read, j.pipe, err = os.Pipe(); err != nil {
		return exit, err
	}
	copied := make(chan struct{})
	go func() {
		defer close(copied)
		j.copy()
	}()
	defer func() {
		for _, g := range j.groups {
			_ = syscall.Kill(-g, syscall.SIGKILL)
		}
		j.pipe.Close()
		_ = j.read.SetReadDeadline(time.Now().Add(time.Second)) // a process that left its group may hold the pipe
		<-copied
		j.read.Close()
	}()
	out.Heading("As a process of this machine")
	exit.Image = "sha256:dummy"
	begun := time.Now()
	if err := j.steps(ctx, grace, &exit); err != nil {
		return exit, err
	}
	err = j.handOver(ctx, begun, &exit)
	cleaning := context.WithoutCancel(ctx)
	if exit.TimedOut || exit.Cancelled {
		bounded, cancel := context.WithTimeout(cleaning, grace)
		defer cancel()
		cleaning = bounded
	}
	for _, line := range t.Clean {
		out.Step(line)
		if code, failed := j.line(cleaning, grace, line, false); failed != nil || code != 0 {
			out.Remark(fmt.Sprintf("The line above exited with %d. Cleaning up does not change the verdict.", code))
		}
	}
	return exit, err
}

// steps runs the steps and notes how they ended.
func (j *dummyJob) steps(ctx context.Context, grace time.Duration, exit *runner.Exit) (err error) {
	bounded, cancel := ctx, context.CancelFunc(func() {})
	if j.task.Timeout > 0 {
		bounded, cancel = context.WithTimeout(ctx, j.task.Timeout)
	}
	defer cancel()
	steps, first := j.task.Steps, 0
	if j.task.Probe != "" {
		exit.Code, err = j.line(bounded, grace, j.task.Probe, true)
		if exit.Code == 1 {
			steps, first, exit.Code = j.task.Otherwise, len(j.task.Steps), 0
		}
	}
	for i, line := range steps {
		if err != nil || exit.Code != 0 || bounded.Err() != nil {
			break
		}
		exit.Step = first + i
		j.out.Step(line)
		if exit.Code, err = j.line(bounded, grace, line, false); err == nil && exit.Code != 0 {
			j.out.Remark(fmt.Sprintf("The line above exited with %d.", exit.Code))
		}
	}
	exit.Cancelled = ctx.Err() != nil
	exit.TimedOut = !exit.Cancelled && bounded.Err() != nil
	return err
}

// line runs one line and returns the code that it exits with.
func (j *dummyJob) line(ctx context.Context, grace time.Duration, line string, silent bool) (int, error) {
	cmd := exec.CommandContext(ctx, "/bin/sh", "-ec", line)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = j.dir, j.env, &syscall.SysProcAttr{Setpgid: true}
	if !silent {
		cmd.Stdout, cmd.Stderr = j.pipe, j.pipe
	}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }
	cmd.WaitDelay = grace
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start line: %w", err)
	}
	j.groups = append(j.groups, cmd.Process.Pid)
	err := cmd.Wait()
	if ctx.Err() != nil {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
	}
	j.settle()
	var failed *exec.ExitError
	switch {
	case cmd.ProcessState == nil:
		return 0, err
	case errors.As(err, &failed) && failed.Sys().(syscall.WaitStatus).Signaled():
		return 128 + int(failed.Sys().(syscall.WaitStatus).Signal()), nil
	}
	return cmd.ProcessState.ExitCode(), nil
}

// copy hands on what lines print.
func (j *dummyJob) copy() {
	in := bufio.NewReader(j.read)
	for {
		if _, err := in.Peek(1); err != nil {
			return
		}
		j.mu.Lock()
		b, _ := in.Peek(in.Buffered())
		_, _ = j.out.Write(b)
		_, _ = in.Discard(len(b))
		j.mu.Unlock()
	}
}

// settle waits until all that was printed is handed on.
func (j *dummyJob) settle() {
	for range 1000 {
		n, err := unix.IoctlGetInt(int(j.pipe.Fd()), unix.TIOCINQ)
		if err != nil || n == 0 {
			break
		}
		time.Sleep(time.Millisecond)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
}

// handOver does with Task.Artifacts and Task.Folder what the contract says.
func (j *dummyJob) handOver(ctx context.Context, begun time.Time, exit *runner.Exit) (err error) {
	passed := exit.Code == 0 && !exit.TimedOut && !exit.Cancelled
	if a := j.task.Artifacts; a != nil && !exit.Cancelled && (passed || a.Lenient) {
		root, err := os.OpenRoot(j.dir)
		if err != nil {
			return fmt.Errorf("open the package's folder: %w", err)
		}
		defer root.Close()
		if exit.Artifacts, exit.Refusal, err = runner.CollectFrom(ctx, folder{root}, a); err != nil {
			switch {
			case ctx.Err() != nil:
				exit.Cancelled = true
			case a.Lenient:
				exit.Refusal = "They could not be read."
			default:
				return err
			}
		}
	}
	if j.task.Folder != nil && passed && exit.Refusal == "" && !exit.Cancelled {
		return runner.HandFolder(ctx, j.task, begun, j.dir, exit)
	}
	return nil
}

// folder is a runner.Files.
type folder struct{ root *os.Root }

func (f folder) ReadDir(_ context.Context, name string, most int) ([]runner.FileEntry, error) {
	if err := f.plain(name); err != nil {
		return nil, err
	}
	dir, err := f.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	entries, err := dir.ReadDir(most)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var out []runner.FileEntry
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return nil, err
		}
		out = append(out, runner.FileEntry{Name: e.Name(), Mode: info.Mode(), Size: info.Size()})
	}
	return out, nil
}

func (f folder) Open(_ context.Context, name string) (io.ReadCloser, error) {
	if err := f.plain(path.Dir(name)); err != nil {
		return nil, err
	}
	if info, err := f.root.Lstat(name); err != nil || !info.Mode().IsRegular() {
		return nil, fs.ErrNotExist
	}
	return f.root.Open(name)
}

// plain is an error unless name is a folder with no link on the way.
func (f folder) plain(name string) error {
	at := "."
	for elem := range strings.SplitSeq(name, "/") {
		at = path.Join(at, elem)
		if info, err := f.root.Lstat(at); err != nil || !info.IsDir() {
			return fs.ErrNotExist
		}
	}
	return nil
}
