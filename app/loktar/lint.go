package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/manifest"
)

func lintCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "lint [FILE]",
		Short: "Check a loktar.json",
		Long: `Check a loktar.json, and the folders that it names beside it. Without FILE it is
the one in the current folder, or in the nearest folder above it.

All that is wrong is listed, a line each, as FILE:LINE:COLUMN: PATH: MESSAGE.

` + exitCodes,
		Example: `  loktar lint
  loktar lint services/loktar.json`,
		Args: cobra.MaximumNArgs(1),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			return []string{"json"}, cobra.ShellCompDirectiveFilterFileExt
		},
		RunE: answers(func(cmd *cobra.Command, args []string) error {
			file := ""
			if len(args) > 0 {
				file = args[0]
			} else {
				file = nearestManifest()
			}
			data, err := readManifest(file)
			if err != nil {
				return fmt.Errorf("%w; write the path of a loktar.json", err)
			}
			root := filepath.Dir(file)
			m, problems := manifest.Parse(data, manifest.Options{
				DirExists: func(dir string) bool {
					info, err := os.Stat(filepath.Join(root, filepath.FromSlash(dir)))
					return err == nil && info.IsDir()
				},
				Dirs: func() []string { return folders(root) },
			})
			out := screenOf(cmd.OutOrStdout())
			for _, p := range problems {
				fmt.Fprintln(out, out.paint(red, place(file, p)))
			}
			if m == nil {
				remark("%s cannot be used as it is: %s", file, count(len(problems), "problem"))
				return no{}
			}
			for _, p := range m.Warnings {
				fmt.Fprintf(out, "%s: warning\n", place(file, p))
			}
			fmt.Fprintf(out, "%s: %s, %s\n", printable(file), count(len(m.Packages), "package"), out.paint(green, "nothing wrong"))
			return nil
		}),
	}
}

// nearestManifest is loktar.json in the current folder or in one above it.
func nearestManifest() string {
	dir := "."
	for range 100 {
		file := filepath.Join(dir, checks.ManifestFile)
		if _, err := os.Lstat(file); err == nil {
			return file
		}
		if abs, err := filepath.Abs(dir); err != nil || abs == filepath.Dir(abs) {
			break
		}
		dir = filepath.Join("..", dir)
	}
	return checks.ManifestFile
}

func readManifest(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", file)
	}
	if info.Size() > manifest.MaxSize {
		return nil, fmt.Errorf("%s has %d bytes; at most %d are read", file, info.Size(), manifest.MaxSize)
	}
	return os.ReadFile(file)
}

// folders are those below root, for one that was meant; not all of many.
func folders(root string) []string {
	const most = 10_000
	var out []string
	_ = fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && d != nil && d.IsDir():
			return fs.SkipDir
		case err != nil || !d.IsDir() || p == ".":
			return nil
		case len(out) == most:
			return errStop
		case strings.HasPrefix(d.Name(), ".") || d.Name() == "node_modules":
			return fs.SkipDir
		}
		out = append(out, p)
		return nil
	})
	return out
}

var errStop = errors.New("stop")

// place is a problem as compilers print theirs, so that editors find it.
func place(file string, p checks.Problem) string {
	where := fmt.Sprintf("%s:%d:%d: ", file, p.Line, p.Column)
	if p.Path != "" {
		where += p.Path + ": "
	}
	return printable(where + p.Message)
}
