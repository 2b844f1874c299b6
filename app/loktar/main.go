// Command loktar is continuous integration for monorepos on GitHub: a GitHub
// App server that tests the packages a pull request affects, each in a
// container of its own, and reports each as a check run. The same code answers
// in a local repository what a change affects.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// version is set by the linker.
var version = "dev"

func main() { os.Exit(run()) }

// run is main with an exit code. Every command starts with the packages of all
// of them, so these make what is costly, as templates and patterns that count,
// when it is first used.
func run() int {
	// The first signal asks for an orderly end; a second one ends at once.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	cmd, out := root(), &output{file: os.Stdout}
	cmd.SetOut(out)
	called, err := cmd.ExecuteContextC(ctx)
	if lost := out.lost(); lost != nil {
		err = unsure{lost} // whatever the answer is, nobody has it
	}
	return exit(called, err)
}

func root() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "loktar",
		Short: "Continuous integration for monorepos on GitHub",
		Long: `Loktar is continuous integration for monorepos on GitHub.

It is a GitHub App. For each pull request it works out which packages of the
repository are affected, tests each in a container of its own on this machine,
and shows each as a check on the pull request.

The commands for a repository need no server: they answer here, in any local
git repository, what the server would.

` + exitCodes,
		Version:       version,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	cmd.SetVersionTemplate("loktar {{.Version}}\n")
	cmd.AddGroup(&cobra.Group{ID: "server", Title: "The server:"}, &cobra.Group{ID: "local", Title: "In a repository:"})
	in := func(group string, list ...*cobra.Command) {
		for _, c := range list {
			c.GroupID = group
			c.Flags().SortFlags = false
		}
		cmd.AddCommand(list...)
	}
	in("server", serveCommand(), demoCommand())
	in("local", runCommand(), affectedCommand(), whyCommand(), graphCommand(), lintCommand(), initCommand(), schemaCommand())
	cmd.AddCommand(versionCommand())
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
