package graph

import "strings"

// attributesFile says how git writes the files beside and below it to disk,
// their line ends for one: gitattributes(5).
const attributesFile = ".gitattributes"

var escapeGlob = strings.NewReplacer(
	`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`, `{`, `\{`, `}`, `\}`,
)

// ReadBy are the globs of the files that a package reads beside those in its
// folder: inputs, and the attributes in the folders around dir, which decide
// what its own files look like.
func ReadBy(dir string, inputs []string) []string {
	if dir == "." {
		return inputs
	}
	out := append(make([]string, 0, len(inputs)+1+strings.Count(dir, "/")), inputs...)
	out = append(out, attributesFile)
	for i := range len(dir) {
		if dir[i] != '/' {
			continue
		}
		// With "./" no folder's name is taken for a mark that excludes.
		if glob := "./" + escapeGlob.Replace(dir[:i]) + "/" + attributesFile; len(glob) <= maxGlob {
			out = append(out, glob)
		}
	}
	return out
}
