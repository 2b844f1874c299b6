package web

import (
	"bytes"
	"maps"
	"slices"
)

// icons adds to all assets the icon in a form for each class of states, so that
// a tab tells how its page stands.
func icons(all map[string][]byte) {
	const colour, mark = "#2f6f4f", `<path d="M9 17l5 5L23 10"`
	marks := map[string][2]string{
		"good": {"#1a7f45", mark},
		"bad":  {"#c62f26", `<path d="M10 10l12 12M22 10L10 22"`},
		"ours": {"#8f5a00", `<path d="M16 8v9M16 22.5v1"`},
		"busy": {"#0b5cad", `<path d="M16 9v7l5 4"`},
		"wait": {"#5d666f", `<path d="M16 9v7l5 4"`},
		"none": {"#5d666f", `<path d="M10 16h12"`},
	}
	for _, class := range slices.Sorted(maps.Keys(marks)) {
		icon := bytes.Replace(all["loktar.svg"], []byte(colour), []byte(marks[class][0]), 1)
		all["loktar-"+class+".svg"] = bytes.Replace(icon, []byte(mark), []byte(marks[class][1]), 1)
	}
}
