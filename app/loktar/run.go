package main

import (
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
	all, dry, plain, verbose bool
	slots                    int
	image, memory, cpus      string
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
when a package starts and when it ends. Ctrl-C stops all in order: jobs clean up
and everything is removed. A second one ends at once, and the next run removes
what that left.

The variables LOKTAR_RUNNER_* mean what they mean to the server; LOKTAR_RUNNER_IMAGE
is the image for packages that name none. Files, logs and what is kept between
runs are in the user's cache folder.

Exit codes:
  0    all passed, or nothing is affected
  1    a package did not pass
  2    the command was called wrongly
  3    not all could be run: no Docker engine, no image, a broken loktar.json
  130  it was stopped`,
		Example: `  loktar run
  loktar run --uncommitted
  loktar run pet_api awesome_lib
  loktar run --all --jobs 4`,
		ValidArgsFunction: completePackages,
	}
	flags := cmd.Flags()
	f.flags(cmd)
	flags.BoolVarP(&f.all, "all", "a", false, "run all packages, affected or not")
	flags.IntVarP(&f.slots, "jobs", "j", 0, "run `N` packages at once (default as many as there are CPUs)")
	flags.BoolVarP(&f.dry, "dry-run", "n", false, "say what would run, and why")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "print what the packages print as it comes, each line after its name")
	flags.BoolVar(&f.plain, "plain", false, "print lines as off a terminal")
	flags.StringVar(&f.image, "image", "", "the `IMAGE` for packages that name none (LOKTAR_RUNNER_IMAGE)")
	flags.StringVar(&f.memory, "memory", "", "the memory of a package that asks for none, as 2GiB (LOKTAR_RUNNER_MEMORY)")
	flags.StringVar(&f.cpus, "cpus", "", "the CPUs of a package that asks for none, as 1.5 (LOKTAR_RUNNER_CPUS)")
	for _, name := range []string{"jobs", "image", "memory", "cpus"} {
		_ = cmd.RegisterFlagCompletionFunc(name, cobra.NoFileCompletions)
	}
	cmd.RunE = answers(func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) })
	return cmd
}

// config is how packages are run.
func (f *runFlags) config(cmd *cobra.Command) (configs.Runner, error) {
	given := map[string]string{}
	for name, value := range map[string]string{"image": f.image, "memory": f.memory, "cpus": f.cpus} {
		if cmd.Flags().Changed(name) {
			given[name] = value
		}
	}
	if cmd.Flags().Changed("jobs") {
		if f.slots < 1 {
			return configs.Runner{}, misused("--jobs is %d; at least 1 package has to run at once", f.slots)
		}
		given["slots"] = strconv.Itoa(f.slots)
	}
	c, err := configs.LoadRunner(os.Environ(), given)
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
	told := newProgress(out, args, f)
	log := zerolog.New(told).Level(zerolog.WarnLevel)
	jobs, err := app.RunLocal(ctx, app.LocalRun{
		LocalOptions: o, Packages: slices.Compact(slices.Sorted(slices.Values(args))), All: f.all, Dry: f.dry,
		Runner: c, Watch: told, Log: log,
	})
	told.end()
	if ctx.Err() != nil {
		told.summary(jobs)
		return stopped{}
	}
	if err != nil {
		return err
	}
	if f.dry || len(jobs) == 0 {
		return nil
	}
	told.summary(jobs)
	return judged(jobs)
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

// exitStopped is what shells say of who ended by Ctrl-C.
const exitStopped = 130
