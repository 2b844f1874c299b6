package runner

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"

	"github.com/dudesons/loktar/checks"
)

// ReleaseOptions are what Release needs beside a job.
type ReleaseOptions struct {
	// Version is what the steps see as LOKTAR_VERSION.
	Version string
	// Collect takes the files that are to be published. Required.
	Collect Collect
	// MaxBytes bounds the files together; 0 means DefaultArtifactBytes. Where
	// a folder has to be copied for Build, it bounds that too.
	MaxBytes int64
	// Build builds the image of a package that is one, from a folder that
	// shows the package's as the steps left it; nil builds none. Nothing of
	// the job runs meanwhile. log is the job's; ctx ends with the job, or its
	// timeout. An error of checks.KindRefused is the package's own fault, and
	// its public text what is said of the release, which has failed.
	Build func(ctx context.Context, dir string, log io.Writer) error
}

// releaseKind is the convention of a kind of package.
type releaseKind struct {
	steps     []string
	artifacts []string
}

// releaseKinds are the kinds of package that are published.
var releaseKinds = map[string]releaseKind{
	"whl": {[]string{"python3 -m build --no-isolation --wheel"}, []string{"dist/*.whl"}},
	"deb": {nil, []string{"*.deb", "dist/*.deb"}},
	"jar": {nil, []string{"target/*.jar", "build/libs/*.jar", "*.jar"}},
	"npm": {[]string{"if [ -e package-lock.json ]; then npm ci; fi", "npm pack"}, []string{"*.tgz"}},
	// What dist holds may well be in git.
	"file": {nil, []string{"dist/**"}},
	// The server builds the image from the Dockerfile.
	"docker": {},
}

// releaseProbe asks make whether the Makefile itself has a rule for release:
// one made of patterns alone, or a folder of that name, does not count. It
// reads the database that make prints with -p. The goal is a rule of its own,
// as -n and -q do run those lines of a goal that have + or $(MAKE); what a
// Makefile runs while it is read, it runs here too. Where make gives no
// answer, since it is missing or the Makefile is broken, `make release` is to
// tell why.
const releaseProbe = `{
	LC_ALL=C make -rnqp --eval='.loktar-probe:;@:' .loktar-probe 2>/dev/null || echo "loktar-exit:$?"
} | {
	none=1 other=
	while IFS= read -r line; do
		case $line in
		'# Not a target:') other=1 ;;
		'release: '*' = '* | 'release: '*' := '*) ;; # a variable for it
		release:*)
			[ "$other" ] || none=0
			other=
			;;
		loktar-exit:1) ;;
		loktar-exit:*) none=0 ;;
		*) other= ;;
		esac
	done
	exit "$none"
}`

// Release runs the steps that make what job's package publishes, in place of
// its tests, and hands what they made to o.Collect. The steps are `make
// release` where the Makefile in the package's folder has that target, else
// the convention of the package's kind; `make clean` follows where there is a
// Makefile. What is handed over is what the package's Artifacts name, else the
// convention. Collect is called only when the steps passed, and only when
// everything that was asked for is in order.
//
// An image is built in place of that, by o.Build; no files are looked for.
//
// Results and errors are as those of Run. A release that leaves no file where
// files are looked for has failed. An error of o.Collect or o.Build is
// returned, and those files that it took before do not count; nor do they
// unless the result is OutcomePassed.
func (r *Runner) Release(ctx context.Context, run checks.Run, job checks.Job, o ReleaseOptions) (checks.Result, error) {
	return r.logged(ctx, run, job, func(log *Log) (checks.Result, error) {
		p := job.Package
		kind, ok := releaseKinds[p.PkgType]
		if !ok {
			return checks.Result{Outcome: checks.OutcomePassed, Detail: fmt.Sprintf("There is nothing to release: its pkg_type is %q.", p.PkgType)}, nil
		}
		idle := checks.Result{Outcome: checks.OutcomePassed, Detail: "There is nothing to run: its Dockerfile is all that it needs."}
		return r.onLease(ctx, run, job, log, idle, func(dir string) (Task, *reading) {
			t := releaseTask(run, job, kind, dir, o)
			if p.PkgType == "docker" && o.Build != nil {
				t.Folder, t.FolderBytes = o.image(log), o.MaxBytes
			}
			return t, nil
		})
	})
}

// image is Build for a task.
func (o *ReleaseOptions) image(log *Log) func(context.Context, string) error {
	return func(ctx context.Context, dir string) error {
		log.Heading("Building the image")
		err := o.Build(ctx, dir, log)
		if checks.KindOf(err) == checks.KindRefused {
			return Refusedf("%s", checks.PublicText(err, "The image does not build."))
		}
		return err
	}
}

func releaseTask(run checks.Run, job checks.Job, kind releaseKind, dir string, o ReleaseOptions) Task {
	t := taskOf(run, job)
	t.Tree = dir
	t.Env["LOKTAR_VERSION"] = o.Version
	t.Steps, t.Clean = kind.steps, nil
	if hasMakefile(dir, t.Dir) {
		t.Probe, t.Steps, t.Otherwise, t.Clean = releaseProbe, []string{"make release"}, kind.steps, []string{"make clean"}
		if kind.steps == nil && job.Package.PkgType != "docker" {
			t.Otherwise = []string{"make"}
		}
	}
	globs := job.Package.Artifacts
	if len(globs) == 0 {
		globs = kind.artifacts
	}
	if len(globs) > 0 && job.Package.PkgType != "docker" {
		t.Artifacts = &Artifacts{Globs: globs, MaxBytes: o.MaxBytes, Collect: o.Collect}
	}
	return t
}

// hasMakefile reports whether make would find a Makefile in the folder.
func hasMakefile(tree, dir string) bool {
	root, err := os.OpenRoot(tree)
	if err != nil {
		return false // refusal, or the sandbox, says what is wrong
	}
	defer root.Close()
	for _, name := range []string{"GNUmakefile", "makefile", "Makefile"} {
		if info, err := root.Stat(path.Join(dir, name)); err == nil && !info.IsDir() {
			return true
		}
	}
	return false
}
