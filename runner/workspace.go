package runner

import (
	"context"

	"github.com/dudesons/loktar/checks"
)

// Workspaces lends out folders with the files of a run.
type Workspaces interface {
	// Lease returns the files of run.Tree as job is to see them. They do not
	// change until Release is called. Many leases of one tree may share one
	// folder. Cancelling ctx ends the wait, not the lease.
	Lease(ctx context.Context, run checks.Run, job checks.Job) (Workspace, error)
}

// Workspace is a lease.
type Workspace struct {
	// Dir is the folder with the files; see Task.Tree.
	Dir string
	// Hidden are what the job is not to see of them; see Task.Hidden.
	Hidden []string
	// Git is set for a package that asks for it; see Task.Git.
	Git *Git
	// Release gives the folders back.
	Release func()
}

// Git is what a job has as .git at the root of its view of the files.
type Git struct {
	// Dir is a folder that holds .git and nothing else. It is never written to.
	Dir string
	// Objects is a folder that the job finds at GitObjects and cannot write
	// to. Git folders may be added to it and removed from it meanwhile, but
	// nothing in it changes.
	Objects string
}

// GitObjects is where a job finds Git.Objects: .git says so.
const GitObjects = "/.loktar/objects"
