// Package runner carries out jobs: it leases the files of a run, opens the
// job's log, has a Sandbox run the job's steps and turns how they ended into a
// checks.Result. A verdict about the code is a Result; a fault of our own is
// an error. The two are never mixed.
package runner

import (
	"context"
	"io"
	"time"

	"github.com/dudesons/loktar/checks"
)

// Sandbox is a place to run code that nobody vouches for.
//
// Its life: it is made without asking whether it can work, so a server starts
// while its engine is down. Ready tells whether it can work now. Run is called
// any number of times, from many goroutines at once. Close is called once,
// after the last Run returned.
type Sandbox interface {
	// Ready reports why Run would fail now, or nil. It is cheap enough to be
	// asked every few seconds.
	Ready(ctx context.Context) error

	// Run runs the steps of t one after another until one fails, then the
	// clean lines whatever happened, and returns how the steps ended. All of
	// it sees one private, writable view of t.Tree and leaves t.Tree as it
	// was. What the job prints goes to out as it comes, in order and whole;
	// Run writes to out no more once it has returned.
	//
	// When ctx ends, or t.Timeout does, the steps are asked to stop, killed if
	// they do not, and the clean lines still run, all within bounds of the
	// sandbox's own. Run returns after everything that it made is removed.
	//
	// When t.Artifacts is set and the steps passed, what it asks for is handed
	// over as CollectFrom does, before the clean lines run. With Lenient it is
	// handed over too when the steps failed or their time ran out, and what
	// keeps that from being done is a refusal, not an error. Of steps that ctx
	// ended nothing is handed over. Nothing of the job runs meanwhile. The clean
	// lines may then run in a new container, which shares with the steps' the
	// tree, as they left it, and nothing else. The same holds for
	// t.Folder, which HandFolder calls.
	//
	// t.Services are started together, before the steps, and removed after the
	// clean lines. The steps begin once all are ready; when one does not come to
	// be ready within bounds of the sandbox's own and t.Timeout, no line runs
	// and Exit.Unready says why. All of a task reach one another by the services'
	// names, and no other task. Nothing of a service's is handed over.
	//
	// An error means that there is no verdict: of kind KindUnavailable when
	// the same call may succeed later, KindConfig when the operator or the
	// package's owner has to mend something first.
	Run(ctx context.Context, t Task, out Output) (Exit, error)

	// Close removes what the sandbox keeps between jobs.
	Close() error
}

// Task is a job in the terms of a Sandbox.
type Task struct {
	Job checks.JobID
	// Attempt of the job, from 1.
	Attempt int
	// Tree is the folder with the repository's files. It is never written to.
	Tree string
	// Hidden are paths of Tree that are not there for the task, nor is what is
	// below them; none is inside another. They are clean, and not Dir or a
	// folder around it.
	Hidden []string
	// Git is laid over Tree; nil: there is no .git.
	Git *Git
	// Dir is the package's folder in Tree, where lines run: slash-separated,
	// relative, clean.
	Dir string
	// Caches are laid over the files and folders at their places, each as a view
	// of its own, for the steps and the clean lines.
	Caches []CacheView
	// Image is where lines run; empty means the sandbox's own default.
	Image string
	Env   map[string]string
	// Secrets are more variables, which nothing but the processes of the lines
	// may come to see: no label, no file of the sandbox's, no log. Whoever may
	// ask the engine about the container sees them, as root of its machine does.
	Secrets map[string]string
	// Steps and Clean are shell lines, each run by a shell of its own that
	// stops at the first command that fails.
	Steps []string
	Clean []string
	// Probe, when set, is a shell line that runs before the steps and whose
	// output nobody sees. When it exits with 0, Steps run; with 1, Otherwise
	// do in their place; with another code, none do and that is the verdict.
	Probe     string
	Otherwise []string
	// Artifacts are handed over after the steps; nil: there are none.
	Artifacts *Artifacts
	// Folder, when set, is called once all of that went well, with a folder
	// that shows the package's as the steps left it. Nobody writes to it, and
	// Folder must not; it is gone when Folder has returned.
	Folder func(ctx context.Context, dir string) error
	// FolderBytes bounds the folder where it has to be copied for that; 0
	// means DefaultArtifactBytes.
	FolderBytes int64
	// Save, when set, tells what Artifacts.Collect and Folder took, once all
	// was taken, so that another process can be told by Load: see Resumer.
	Save func() ([]byte, error)
	Load func(saved []byte) error
	// Timeout bounds Steps together, and Folder with them; zero means no bound.
	Timeout time.Duration
	// Network says whether lines and services reach anything but one another.
	Network   bool
	Resources checks.Resources // zero fields mean the sandbox's defaults
	// Services run beside the lines; their names are unique. Timeout counts
	// also while they are waited for.
	Services []Service
}

// Output takes what a job prints. Write never fails: a job does not end
// because its log could not be kept. All methods may be called at once from
// several goroutines.
//
// Steps and remarks are part of the output: a sandbox makes them of what the
// job's container printed and of nothing else, so that whoever gives the same
// output again, from its start and cut in any way, comes to the same steps and
// remarks at the same bytes. Headings hang on what else happens meanwhile.
type Output interface {
	io.Writer
	// Heading writes one line that is Loktar's own, not the job's.
	Heading(text string)
	// Step writes the line that begins a step, or a clean line: what follows
	// is what it prints.
	Step(text string)
	// Remark writes a line of Loktar's own on what was printed before it.
	Remark(text string)
}

// Exit is how a Task ended.
type Exit struct {
	// Code is the exit code of the last step that ran: 0 when all passed.
	Code int
	// Step is the index of that step in Task.Steps, followed by
	// Task.Otherwise; the number of all when it was Task.Folder that ended.
	Step int
	// TimedOut: Timeout ended the steps, or Task.Folder. Cancelled: ctx did.
	// Code means nothing then.
	TimedOut  bool
	Cancelled bool
	// Exceeded says in a sentence which bound of the sandbox's own, as that of
	// what may be written to disk, the steps went beyond and were ended for.
	// It is empty otherwise.
	Exceeded string
	// Cause is which bound that was, CauseDiskLimit when it is empty; with
	// Unready what kept a service from being ready, CauseService when empty.
	Cause checks.Cause
	// OutOfMemory: a process was killed for want of memory. MemoryLimit is
	// the limit that it met, in bytes.
	OutOfMemory bool
	MemoryLimit int64
	// Artifacts is how many were handed over. Refusal is a sentence that says
	// why not all could be, through a fault of the job's. Unless they are
	// Lenient, none was then, and Code is 0.
	Artifacts int
	Refusal   string
	// Image is the content digest of the image that the steps ran in, Services
	// are those of the services' images, by the services' names.
	Image    string
	Services map[string]string
	// Unready says in sentences which service was not ready in time, or could
	// not be, and why. No step ran then.
	Unready string
	// Died says in sentences which services ended while the steps ran.
	Died string
	// Uncached: Task.Caches were not there, and the output says why. CachesHeld:
	// what shows them could not be removed, and nothing may touch their folders
	// before it is. Both hold also beside an error.
	Uncached   bool
	CachesHeld bool
}
