package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs/manifest"
	"github.com/dudesons/loktar/configs/manifest/discover"
)

func initCommand() *cobra.Command {
	var dry, force bool
	var schema string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Find the packages of this repository and write a loktar.json",
		Long: `Find the packages of the repository around this folder, and write a loktar.json at
its root.

A folder is a package when it has a Makefile with a target ci or test, a
Dockerfile, setup.py, pyproject.toml, go.mod, package.json, Cargo.toml or
pom.xml. Folders of other people's code and of builds (node_modules, vendor,
build, dist, and those that start with a dot), submodules and other repositories
are left out. The root itself is a package only where no folder below it is. A
package is tested by make ci where its Makefile has it, else as is usual for its
kind. Look through the result: what it says is a guess.

--schema names where editors find the schema of loktar.json. Of a path, as
./loktar.schema.json, the file is written too, for use without a network.

A loktar.json that is there is kept, unless --force is given: then the exit
code is 1.

` + exitCodes,
		Example: `  loktar init --dry-run
  loktar init && git add loktar.json`,
	}
	noArguments(cmd)
	f := cmd.Flags()
	f.BoolVarP(&dry, "dry-run", "n", false, "print the file instead of writing it")
	f.BoolVar(&force, "force", false, "write over a loktar.json that is there")
	f.StringVar(&schema, "schema", manifest.SchemaURL, "the `URL` or path that $schema names; empty for none")
	cmd.RunE = answers(func(cmd *cobra.Command, _ []string) error {
		top, err := app.LocalRoot(cmd.Context(), "")
		if err != nil {
			return err
		}
		root, err := os.OpenRoot(top)
		if err != nil {
			return err
		}
		defer root.Close()
		packages, err := discover.Find(root.FS(), filepath.Base(top))
		if err != nil {
			return err
		}
		text, err := discover.Manifest(packages, schema)
		if err != nil {
			return err
		}
		if len(packages) == 0 {
			return failure{errors.New("no package was found. Write a loktar.json by hand: `loktar schema` says what may stand in it")}
		}
		if dry {
			_, err = cmd.OutOrStdout().Write(text)
			return err
		}
		if err := write(root, checks.ManifestFile, text, force); err != nil {
			return err
		}
		if path, ok := strings.CutPrefix(schema, "./"); ok {
			if err := write(root, path, manifest.Schema, true); err != nil {
				return err
			}
		}
		out := screenOf(cmd.OutOrStdout())
		var rows []row
		for _, p := range packages {
			rows = append(rows, row{p.Name, []string{printable(p.Dir) + ", " + how(p)}})
		}
		out.table([2]string{"PACKAGE", "FOLDER AND TESTS"}, rows)
		remark("Wrote %s with %s. Look through it, then commit it; `loktar lint` checks it, and `loktar graph --uncommitted` shows what depends on what.", filepath.Join(top, checks.ManifestFile), count(len(packages), "package"))
		return nil
	})
	return cmd
}

func how(p discover.Package) string {
	switch p.TestType {
	case "make":
		return "make ci"
	case "command":
		return strings.Join(p.Commands, "; ")
	}
	return "no test"
}

// write writes a file of the repository, over one that is there only by force.
func write(root *os.Root, name string, data []byte, force bool) error {
	flags := os.O_WRONLY | os.O_CREATE | os.O_EXCL
	if force {
		flags = os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	}
	file, err := root.OpenFile(name, flags, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return failure{fmt.Errorf("%s is there already. Use --force to write over it, or --dry-run to see what would be written", filepath.Join(root.Name(), name))}
	}
	if err != nil {
		return err
	}
	_, err = file.Write(data)
	return errors.Join(err, file.Close())
}

func schemaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of loktar.json",
		Long: `Print the JSON Schema (draft 2020-12) of loktar.json. Editors complete and check
a file that names it under $schema, by the address that ` + "`loktar init`" + ` writes or,
for use without a network, by the path of a copy.`,
		Example: `  loktar schema > loktar.schema.json    # and "$schema": "./loktar.schema.json"`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := cmd.OutOrStdout().Write(manifest.Schema)
			return err
		},
	}
	noArguments(cmd)
	return cmd
}
