package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/manifest"
)

func lintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint [FILE]",
		Short: "Check a loktar.json",
		Long: `Check a loktar.json, by default the one in the current folder, and the folders
that it names beside it. All that is wrong is listed, a line each, as
FILE:LINE:COLUMN: PATH: MESSAGE. The exit code is 1 when something is wrong.`,
		Args: cobra.MaximumNArgs(1),
		RunE: fails(func(cmd *cobra.Command, args []string) error {
			file := checks.ManifestFile
			if len(args) > 0 {
				file = args[0]
			}
			data, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("%w; write the path of a loktar.json", err)
			}
			m, problems := manifest.Parse(data, manifest.Options{DirExists: func(dir string) bool {
				info, err := os.Stat(filepath.Join(filepath.Dir(file), filepath.FromSlash(dir)))
				return err == nil && info.IsDir()
			}})
			out := cmd.OutOrStdout()
			if m != nil {
				for _, p := range m.Warnings {
					fmt.Fprintf(out, "%s: warning\n", place(file, p))
				}
				fmt.Fprintf(out, "%s: %s, nothing wrong\n", file, packages(len(m.Packages)))
				return nil
			}
			for _, p := range problems {
				fmt.Fprintln(out, place(file, p))
			}
			return fmt.Errorf("%s cannot be used as it is", file)
		}),
	}
}

func packages(n int) string {
	if n == 1 {
		return "1 package"
	}
	return fmt.Sprintf("%d packages", n)
}

// place is a problem as compilers print theirs, so that editors find it.
func place(file string, p checks.Problem) string {
	where := fmt.Sprintf("%s:%d:%d: ", file, p.Line, p.Column)
	if p.Path != "" {
		where += p.Path + ": "
	}
	return where + p.Message
}
