package source

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strconv"
	"strings"
	"sync"

	"github.com/dudesons/loktar/checks"
)

// maxTree bounds one tree object that is read, in bytes.
const maxTree = 64 << 20

// Object is what git holds under a name.
type Object struct {
	OID  string
	Type string // blob, tree, commit or tag
	Size int64  // bytes
}

// Objects reads many objects of one mirror through one git process. Its
// methods may be called from many goroutines; they take turns. The end of the
// context that opened it ends it. Close must be called.
type Objects struct {
	ended func() error // the error of the opener's context
	cmd   *exec.Cmd
	errs  *bounded
	stop  func() bool
	// release, when set, tells the mirror that it is not read any more.
	release func()

	mu     sync.Mutex
	in     io.WriteCloser
	out    *bufio.Reader
	broken error
}

// TooLargeError says that an object was not read because of its size.
type TooLargeError struct {
	Name        string
	Size, Limit int64 // bytes
}

func (e *TooLargeError) Error() string {
	return fmt.Sprintf("%s has %d bytes; at most %d are read", e.Name, e.Size, e.Limit)
}

// Objects opens a reader of repo's mirror. Nothing is fetched. A repository
// without a mirror is an error of checks.KindNotFound.
func (s *Source) Objects(ctx context.Context, repo checks.Repo) (*Objects, error) {
	m := s.mirror(repo)
	if err := m.enter(ctx); err != nil {
		return nil, err
	}
	defer m.mu.Unlock()
	if !m.exists() {
		return nil, noMirror(repo)
	}
	return m.read(ctx)
}

// read opens a reader that keeps the mirror from being removed to make room.
// m.mu is held.
func (m *mirror) read(ctx context.Context) (*Objects, error) {
	o, err := m.src.git.objects(ctx, m.dir)
	if err != nil {
		return nil, err
	}
	m.readers++
	o.release = sync.OnceFunc(func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		m.readers--
	})
	return o, nil
}

func (g *git) objects(ctx context.Context, dir string) (*Objects, error) {
	o := &Objects{
		ended: ctx.Err, errs: &bounded{max: maxStderr, cut: true},
		cmd: g.command(ctx, call{dir: dir, args: []string{"cat-file", "--batch-command", "-z"}}),
	}
	o.cmd.Stderr = o.errs
	in, err := o.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("open git cat-file: %w", err)
	}
	out, err := o.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("open git cat-file: %w", err)
	}
	if err := o.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start git cat-file: %w", err)
	}
	o.in, o.out = in, bufio.NewReaderSize(out, 64<<10)
	o.mu.Lock() // reap may begin at once
	defer o.mu.Unlock()
	o.stop = context.AfterFunc(ctx, o.reap)
	return o, nil
}

// Info looks a name up: an object id, or REV:PATH with REV an object id and
// PATH from the root (any bytes but NUL), or either with a suffix such as
// ^{tree}. A name that the mirror does not have is an error of
// checks.KindNotFound.
func (o *Objects) Info(name string) (Object, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ask("info", name)
}

// Read gives an object and its bytes. An object above limit bytes is not
// read: the error is a *TooLargeError then. Names are as for Info.
func (o *Objects) Read(name string, limit int64) (Object, []byte, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	obj, err := o.ask("info", name)
	if err != nil {
		return Object{}, nil, err
	}
	if obj.Size > limit {
		return obj, nil, &TooLargeError{Name: name, Size: obj.Size, Limit: limit}
	}
	return o.contents(obj.OID, limit)
}

// contents is Read in one round trip: what is too large is read and dropped.
// o.mu is held.
func (o *Objects) contents(name string, limit int64) (Object, []byte, error) {
	obj, err := o.ask("contents", name)
	if err != nil {
		return Object{}, nil, err
	}
	if obj.Size > limit {
		if _, err := io.CopyN(io.Discard, o.out, obj.Size+1); err != nil {
			return Object{}, nil, o.fail(err)
		}
		return obj, nil, &TooLargeError{Name: name, Size: obj.Size, Limit: limit}
	}
	body := make([]byte, obj.Size+1)
	if _, err := io.ReadFull(o.out, body); err != nil {
		return Object{}, nil, o.fail(err)
	}
	return obj, body[:obj.Size], nil
}

// Blob is Read for a name that must be a blob.
func (o *Objects) Blob(name string, limit int64) (Object, []byte, error) {
	obj, body, err := o.Read(name, limit)
	if err == nil && obj.Type != "blob" {
		err = checks.Errorf(checks.KindNotFound, nil, "%q is a %s, not a file.", name, obj.Type)
	}
	return obj, body, err
}

// Tree lists one folder: name is a tree's or a commit's id, or REV:DIR.
func (o *Objects) Tree(name string) ([]Entry, error) {
	if !isObjectName(name) {
		obj, err := o.Info(name)
		if err != nil {
			return nil, err
		}
		name = obj.OID
	}
	_, entries, err := o.tree(name)
	return entries, err
}

// tree gives the id and the entries of the tree that a tree's or a commit's
// id means.
func (o *Objects) tree(id string) (oid string, entries []Entry, err error) {
	o.mu.Lock()
	obj, raw, err := o.contents(id+"^{tree}", maxTree)
	o.mu.Unlock()
	if err != nil {
		return "", nil, err
	}
	if entries, err = parseTree(raw, len(obj.OID)/2); err != nil {
		return "", nil, fmt.Errorf("read tree %s: %w", obj.OID, err)
	}
	return obj.OID, entries, nil
}

// Close ends the process and waits for it.
func (o *Objects) Close() error {
	if o.release != nil {
		o.release()
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.broken != nil {
		return nil
	}
	o.broken = errors.New("the reader is closed")
	o.stop()
	if err := o.in.Close(); err != nil {
		return fmt.Errorf("close git cat-file: %w", err)
	}
	if err := o.cmd.Wait(); err != nil && o.ended() == nil {
		return fmt.Errorf("close git cat-file: %w", err)
	}
	return nil
}

// ask sends one command and reads the header of its answer.
func (o *Objects) ask(verb, name string) (Object, error) {
	if o.broken != nil {
		return Object{}, fmt.Errorf("read object: %w", o.broken)
	}
	if name == "" || strings.IndexByte(name, 0) >= 0 {
		return Object{}, fmt.Errorf("read object: %q is not a name", name)
	}
	if _, err := io.WriteString(o.in, verb+" "+name+"\x00"); err != nil {
		return Object{}, o.fail(err)
	}
	line, err := o.out.ReadString('\n')
	if err != nil {
		return Object{}, o.fail(err)
	}
	// An unknown name is echoed, with the line breaks that it has.
	for strings.HasPrefix(name, line) {
		more, err := o.out.ReadString('\n')
		if err != nil {
			return Object{}, o.fail(err)
		}
		line += more
	}
	if line == name+" missing\n" {
		return Object{}, checks.Errorf(checks.KindNotFound, nil, "Git has no object %q.", name)
	}
	f := strings.Split(strings.TrimSuffix(line, "\n"), " ")
	if len(f) != 3 || !isObjectName(f[0]) {
		return Object{}, o.fail(fmt.Errorf("git cat-file answered %q", line))
	}
	size, err := strconv.ParseInt(f[2], 10, 64)
	if err != nil || size < 0 {
		return Object{}, o.fail(fmt.Errorf("git cat-file answered %q", line))
	}
	return Object{OID: f[0], Type: f[1], Size: size}, nil
}

// reap waits for the process after the opener's context ended it.
func (o *Objects) reap() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.broken == nil {
		_ = o.fail(o.ended())
	}
}

// fail ends the process after its stream can no longer be followed.
func (o *Objects) fail(err error) error {
	o.stop()
	_ = o.in.Close()
	_ = o.cmd.Cancel()
	_ = o.cmd.Wait()
	switch {
	case o.ended() != nil:
		err = o.ended()
	case o.errs.Len() > 0:
		err = &gitError{verb: "cat-file", exit: o.cmd.ProcessState.ExitCode(), stderr: masked(strings.TrimSpace(o.errs.String()), nil)}
	}
	o.broken = err
	return fmt.Errorf("read object: %w", err)
}
