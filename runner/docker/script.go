package docker

import (
	"bytes"
	"crypto/rand"
	_ "embed" // the script
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/dudesons/loktar/runner"
)

//go:embed script.sh
var script string

// killScript ends every process of a container but its first, itself, and the
// shell whose id is its argument.
const killScript = `for pass in 1 2 3; do
	for p in /proc/[0-9]*; do
		p=${p#/proc/}
		case $p in 1 | $$ | "$1") ;; *) kill -KILL "$p" ;; esac
	done
done`

// maxWord bounds a word of the script; longer ones are output of the job.
const maxWord = 64

// arguments are what follows "sh -c" for t.
func arguments(t runner.Task, nonce string) []string {
	args := []string{script, "loktar", nonce, t.Dir, strconv.Itoa(len(t.Steps)), strconv.Itoa(len(t.Otherwise)), t.Probe}
	return append(append(append(args, t.Steps...), t.Otherwise...), t.Clean...)
}

// progress parts the words of the script from the job's output, and keeps what
// they told. A job that finds out the nonce can forge words. That changes how
// its own log looks and what its own verdict is, which it decides anyway.
type progress struct {
	task  runner.Task
	steps []string // Task.Steps, and Task.Otherwise after them
	out   runner.Output
	hears *listener // may be nil
	token []byte
	held  []byte // the beginning of what may become a word

	moved atomic.Int64 // bytes that came

	// cleaning is closed when the steps are over and cleaning begins.
	cleaning chan struct{}

	mu     sync.Mutex
	shell  int // process id of the script's shell; 0 until it told
	step   int // index of the last step that began
	clean  int // number of clean lines that began
	code   int // exit code of the steps, once cleaning began
	failed int // index of the step that failed, -1 before
	// signalled: the shell got a signal that asks it to end.
	signalled bool
}

func newProgress(t runner.Task, nonce string, out runner.Output) *progress {
	return &progress{task: t, steps: append(append([]string(nil), t.Steps...), t.Otherwise...), out: out, token: []byte("\x01" + nonce + ":"), cleaning: make(chan struct{}), step: -1, failed: -1}
}

// progress is a new one for j's container.
func (j *job) progress(out runner.Output) *progress {
	p := newProgress(j.task, j.nonce, out)
	if j.copies {
		p.hears = &j.noSpace
	}
	return p
}

// randomName is a new name that nobody can guess.
func randomName() string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// Write takes the container's output. Only one goroutine calls it.
func (p *progress) Write(b []byte) (int, error) {
	n := len(b)
	p.moved.Add(int64(n))
	if len(p.held) > 0 {
		b = append(p.held, b...)
		p.held = nil
	}
	for len(b) > 0 {
		i := bytes.IndexByte(b, p.token[0])
		if i < 0 {
			i = len(b)
		}
		p.print(b[:i])
		b = b[i:]
		switch {
		case len(b) == 0:
		case len(b) < len(p.token) && bytes.HasPrefix(p.token, b):
			p.held, b = bytes.Clone(b), nil
		case !bytes.HasPrefix(b, p.token):
			p.print(b[:1])
			b = b[1:]
		default:
			rest := b[len(p.token):]
			end := bytes.IndexByte(rest, '\n')
			switch {
			case end >= 0 && end <= maxWord:
				p.tell(string(rest[:end]))
				b = rest[end+1:]
			case end < 0 && len(rest) <= maxWord:
				p.held, b = bytes.Clone(b), nil
			default:
				p.print(b[:1])
				b = b[1:]
			}
		}
	}
	return n, nil
}

// flush gives out what was held back, once nothing more can come.
func (p *progress) flush() {
	p.print(p.held)
	p.held = nil
}

func (p *progress) print(b []byte) {
	if len(b) > 0 {
		if p.hears != nil {
			p.hears.hear(b)
		}
		_, _ = p.out.Write(b) // an Output never fails
	}
}

// tell acts on one word. Each word counts once and in its turn.
func (p *progress) tell(word string) {
	kind, rest, _ := strings.Cut(word, ":")
	first, second, _ := strings.Cut(rest, ":")
	n, err := strconv.Atoi(first)
	if err != nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case kind == "shell" && p.shell == 0:
		p.shell = n
	case kind == "step" && p.clean == 0 && n < len(p.steps) && (n == p.step+1 || p.step < 0 && n == len(p.task.Steps)):
		p.step = n
		p.out.Step(p.steps[n])
	case kind == "clean" && n == p.clean && n < len(p.task.Clean):
		if n == 0 {
			p.code, _ = strconv.Atoi(second)
			close(p.cleaning)
		}
		p.clean++
		p.out.Step(p.task.Clean[n])
	case kind == "signal":
		p.signalled = true
	case kind == "exit" && p.step >= 0 && p.clean == 0 && p.failed != p.step:
		p.failed = p.step
		p.out.Remark(fmt.Sprintf("The line above exited with %d.", n))
	case kind == "unclean" && p.clean > 0:
		p.out.Remark(fmt.Sprintf("The line above exited with %d. Cleaning up does not change the verdict.", n))
	}
}

// interrupted reports whether somebody asked the job to end.
func (p *progress) interrupted() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.signalled
}

// now is what the script told so far: its shell's process id, the last step
// that began, how many clean lines began and the steps' exit code if any did.
func (p *progress) now() (shell, step, clean, code int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shell, p.step, p.clean, p.code
}
