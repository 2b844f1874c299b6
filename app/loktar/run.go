package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
)

// runFlags are what `loktar run` is asked for beside the question.
type runFlags struct {
	question
	all, deps, dry, plain, verbose             bool
	slots                                      int
	image, memory, cpus, pull, file, artifacts string
	form                                       string
}

func runCommand() *cobra.Command {
	var f runFlags
	cmd := &cobra.Command{
		Use:   "run [PACKAGE]...",
		Short: "Run the packages that a change affects, as the server would",
		Long: `Run the packages that a change affects, each in a container of its own, as the
server would: by its own code, on the local Docker engine. Nothing is written to
the repository. With names, exactly these packages run, affected or not.

` + aboutBase + `

A package whose dependency did not pass is not run. Every package is run, also
one that passed before. On a terminal each has one line; elsewhere one is printed
when a package starts and when it ends. For each that did not pass follows what
its reports and its log tell, as PATH:LINE: MESSAGE, and the end of its log.
Ctrl-C stops all in order: jobs clean up and everything is removed. A second one
ends at once, and the next run removes what that left.

Secrets are your own environment variables of the names that a package lists.
Private images are pulled with your own logins (docker login), or with those of
the file that --config names. The variables LOKTAR_RUNNER_* mean what they mean to
the server. Files, logs and what is kept between runs are in the user's cache
folder.

Formats:
  text  for people
  json  people read the standard error output, and the standard output has, once
        all is over:
        {"version": 1, "base": {"name", "sha"}, "merge_base", "head", "outcome",
         "seconds", "packages": [{"package", "dir", "type", "pkg_type", "test_type",
         "needs": [NAME], "reasons", "outcome", "cause", "detail", "blame",
         "attempt", "seconds", "log", "tests": {"passed", "failed", "errors",
         "skipped"}, "failed_tests": [{"name", "path", "line", "message"}],
         "annotations": [{"path", "start_line", "end_line", "start_column",
         "end_column", "level", "title", "message"}], "unplaced": [TEXT],
         "left_out", "artifacts": [{"name", "kind", "sha256", "size", "path"}]}]}
        outcome is passed, failed, errored (could not be run) or stopped; that of
        a package also timed_out, held_back or not_started. With --dry-run there
        are no outcomes. Reasons are as in loktar affected. Paths of annotations
        are from the root of the repository. Keys are added, never changed; empty
        ones may be missing.

` + runExitCodes,
		Example: `  loktar run
  loktar run --uncommitted
  loktar run pet_api awesome_lib
  loktar run pet_api --deps --artifacts out
  loktar run --all --jobs 4
  loktar run -f json | jq -r '.packages[] | select(.outcome != "passed").package'`,
		ValidArgsFunction: completePackages,
	}
	flags := cmd.Flags()
	f.flags(cmd)
	flags.BoolVarP(&f.all, "all", "a", false, "run all packages, affected or not")
	flags.BoolVarP(&f.deps, "deps", "d", false, "run also what the packages depend on, all the way")
	flags.IntVarP(&f.slots, "jobs", "j", 0, "run `N` packages at once (default as many as there are CPUs)")
	flags.BoolVarP(&f.dry, "dry-run", "n", false, "say what would run, and why")
	flags.StringVarP(&f.artifacts, "artifacts", "o", "", "keep the packages' artifacts and reports, each in `DIR`/PACKAGE")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "print what the packages print as it comes, each line after its name")
	flags.BoolVar(&f.plain, "plain", false, "print lines as off a terminal")
	flags.StringVar(&f.image, "image", "", "the `IMAGE` for packages that name none (LOKTAR_RUNNER_IMAGE)")
	flags.StringVar(&f.pull, "pull", "", "`WHEN` images are pulled: missing, always, never (LOKTAR_RUNNER_PULL)")
	flags.StringVar(&f.memory, "memory", "", "the memory of a package that asks for none, a `SIZE` as 2GiB (LOKTAR_RUNNER_MEMORY)")
	flags.StringVar(&f.cpus, "cpus", "", "the CPUs of a package that asks for none, a `NUMBER` as 1.5 (LOKTAR_RUNNER_CPUS)")
	flags.StringVarP(&f.file, "config", "c", "", "take runner and the registries of type pull from a server's `FILE`")
	for _, name := range []string{"jobs", "image", "memory", "cpus"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	_ = cmd.RegisterFlagCompletionFunc("pull", cobra.FixedCompletions([]string{"missing", "always", "never"}, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.MarkFlagDirname("artifacts")
	cmd.RunE = answers(func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) })
	format(cmd, &f.form, formText, formJSON)
	return cmd
}

// The formats of `loktar run`.
const (
	formText = "text"
	formJSON = "json"
)

// config is how packages are run.
func (f *runFlags) config(cmd *cobra.Command) (configs.Config, error) {
	given := map[string]string{}
	for name, value := range map[string]string{"image": f.image, "memory": f.memory, "cpus": f.cpus, "pull": f.pull} {
		if cmd.Flags().Changed(name) {
			given[name] = value
		}
	}
	if cmd.Flags().Changed("jobs") {
		if f.slots < 1 {
			return configs.Config{}, misused("--jobs is %d; at least 1 package has to run at once", f.slots)
		}
		given["slots"] = strconv.Itoa(f.slots)
	}
	for name, value := range map[string]string{"config": f.file, "artifacts": f.artifacts} {
		if value == "" && cmd.Flags().Changed(name) {
			return configs.Config{}, misused("--%s is empty; write a path, or leave it away", name)
		}
	}
	c, err := configs.LoadLocal(f.file, os.Environ(), given)
	if err != nil {
		return c, misuse{err}
	}
	return c, nil
}

func (f *runFlags) run(cmd *cobra.Command, args []string) error {
	o, err := f.options()
	if err != nil {
		return err
	}
	if f.all && len(args) > 0 {
		return misused("--all runs all packages; name none beside it")
	}
	c, err := f.config(cmd)
	if err != nil {
		return err
	}
	// A terminal that closes and a pipe that nobody reads stop it in order too.
	ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGHUP, syscall.SIGPIPE)
	defer stop()
	out := screenOf(cmd.OutOrStdout())
	if f.form == formJSON {
		out = screenOf(os.Stderr)
	}
	told := newProgress(out, args, f)
	for _, text := range c.Warnings() {
		told.Remark(text)
	}
	defer context.AfterFunc(ctx, told.stopping)()
	log := zerolog.New(told).Level(zerolog.WarnLevel)
	jobs, err := app.RunLocal(ctx, app.LocalRun{
		LocalOptions: o, Packages: slices.Compact(slices.Sorted(slices.Values(args))), All: f.all, Needed: f.deps, Dry: f.dry,
		Artifacts: f.artifacts, Runner: c.Runner, Pulls: c, Watch: told, Log: log,
	})
	told.end()
	if ctx.Err() != nil {
		err = stopped{}
	}
	return f.answer(cmd, told, jobs, err)
}

// answer tells how it ended. A red package is told before what could not be
// kept; who stopped it, or what kept others from being run, before both.
func (f *runFlags) answer(cmd *cobra.Command, told *progress, jobs []checks.Job, err error) error {
	begun := slices.ContainsFunc(jobs, func(j checks.Job) bool { return j.Attempt > 0 || j.State == checks.StateDone })
	ran := err == nil || errors.As(err, new(app.NotKept))
	if !f.dry && (ran || begun || errors.As(err, new(stopped))) {
		told.summary(jobs)
	}
	if judgement := judged(jobs); ran && !f.dry && judgement != nil {
		err = judgement
	}
	if f.form == formJSON && told.plan != nil && (ran || begun || errors.As(err, new(stopped))) {
		if err := printJSON(cmd.OutOrStdout(), told.runJSON(jobs, err)); err != nil {
			return err
		}
	}
	return err
}

// judged is nil when all jobs passed.
func judged(jobs []checks.Job) error {
	failed, errored := false, 0
	for _, j := range jobs {
		switch j.Result.Outcome {
		case checks.OutcomePassed:
		case checks.OutcomeErrored:
			errored++
		case checks.OutcomeHeldBack:
		default:
			failed = true
		}
	}
	switch {
	case failed:
		return no{}
	case errored > 0:
		return fmt.Errorf("%s could not be run; see above", count(errored, "package"))
	}
	return nil
}

// stopped is the end of a command that somebody stopped.
type stopped struct{}

func (stopped) Error() string { return "stopped" }

const runExitCodes = `Exit codes:
  0    all passed, or nothing is affected
  1    a package did not pass
  2    the command was called wrongly
  3    not all could be run or kept: no Docker engine, no image, a broken
       loktar.json, a full disk
  130  it was stopped`

// exitStopped is what shells say of who ended by Ctrl-C.
const exitStopped = 130
