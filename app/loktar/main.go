// Command loktar is continuous integration for monorepos on GitHub: a GitHub
// App server that tests the packages a pull request affects, each in a
// container of its own, and reports each as a check run.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/dudesons/loktar/checks"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(run()) }

// run is main with an exit code: 0 done, 1 failed, 2 called wrongly.
func run() int {
	// The first signal asks for an orderly end; a second one ends at once.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	called, err := root().ExecuteContextC(ctx)
	switch {
	case err == nil:
		return 0
	case errors.As(err, new(failure)):
		fmt.Fprintf(os.Stderr, "loktar: %s\n", told(err))
		return 1
	}
	fmt.Fprintf(os.Stderr, "loktar: %v\nRun `%s --help` to see what there is.\n", err, called.CommandPath())
	return 2
}

// told is an error for the person at the terminal: the sentence for people
// first, then its cause.
func told(err error) string {
	var e *checks.Error
	if errors.As(err, &e) && e.Public != "" && e.Err != nil {
		return fmt.Sprintf("%s (%v)", e.Public, e.Err)
	}
	return err.Error()
}

// failure is an error of the work itself, not of how it was called.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// fails marks what a command returns as a failure.
func fails(run func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := run(cmd, args); err != nil {
			return failure{err}
		}
		return nil
	}
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "loktar",
		Short: "Continuous integration for monorepos on GitHub",
		Long: `Loktar is continuous integration for monorepos on GitHub.

It is a GitHub App. For each pull request it works out which packages of the
repository are affected, tests each in a container of its own on this machine,
and shows each as a check on the pull request.`,
		Version:       version,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cmd.SetVersionTemplate("loktar {{.Version}}\n")
	cmd.CompletionOptions.HiddenDefaultCmd = true
	cmd.AddCommand(serveCommand(), demoCommand(), lintCommand(), versionCommand())
	return cmd
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		Run:   func(cmd *cobra.Command, _ []string) { fmt.Fprintf(cmd.OutOrStdout(), "loktar %s\n", version) },
	}
}
