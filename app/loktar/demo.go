package main

import (
	"os"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/dudesons/loktar/app/demo"
)

func demoCommand() *cobra.Command {
	o := demo.Options{}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "See Loktar at work on a sample monorepo, on this machine alone",
		Long: `Start a small stand-in for GitHub and a Loktar server, push a sample monorepo,
open a pull request on it, and watch its checks.

On a terminal both stay up until Ctrl-C, to push, re-run and look around.
Elsewhere the demo ends when the checks have: with 0 when all are green.`,
		Args: cobra.NoArgs,
	}
	cmd.Flags().StringVar(&o.Listen, "listen", "127.0.0.1:0", "where the server listens; port 0 takes a free one")
	cmd.Flags().StringVar(&o.Image, "image", "", "the image that packages are tested in (default loktar/base)")
	cmd.Flags().BoolVar(&o.Verbose, "verbose", false, "show the server's log")
	stay := cmd.Flags().Bool("stay", term.IsTerminal(int(os.Stdin.Fd())), "stay up after the checks have ended")
	cmd.RunE = fails(func(cmd *cobra.Command, _ []string) error {
		o.Stay, o.Version, o.Out = *stay, version, cmd.OutOrStdout()
		o.Colour = term.IsTerminal(int(os.Stdout.Fd())) && os.Getenv("NO_COLOR") == ""
		return demo.Run(cmd.Context(), o)
	})
	return cmd
}
