package main

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/dudesons/loktar/configs/manifest"
)

// completePackages completes names of packages, each once.
func completePackages(cmd *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	names, how := completePackage(cmd, nil, word)
	return slices.DeleteFunc(names, func(n string) bool { return slices.Contains(args, n) }), how
}

// completePackage completes the name of a package of the nearest loktar.json.
func completePackage(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	data, err := readManifest(nearestManifest())
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	m, _ := manifest.Parse(data, manifest.Options{})
	if m == nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, p := range m.Packages {
		names = append(names, p.Name)
	}
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}
