package source

import (
	"errors"
	"fmt"

	"github.com/dudesons/loktar/checks"
)

// manifestFile is loktar.json as a tree holds it. All is zero when it has
// none; text is nil when problem says why it was not read.
type manifestFile struct {
	blob    string
	text    []byte
	problem string
}

// manifest reads loktar.json at the root of a tree. A link is not followed.
// When it is the blob of known, known is given back.
func (t *Tree) manifest(known manifestFile) (manifestFile, error) {
	e, ok, err := t.Entry(checks.ManifestFile)
	switch {
	case err != nil:
		return manifestFile{}, fmt.Errorf("list the root folder: %w", err)
	case !ok:
		return manifestFile{}, nil
	case e.IsFile() && e.OID == known.blob:
		return known, nil
	}
	return t.manifestEntry(e)
}

func (t *Tree) manifestEntry(e Entry) (manifestFile, error) {
	f := manifestFile{blob: e.OID}
	switch {
	case e.IsFile():
	case e.IsLink():
		f.problem = checks.ManifestFile + " is a symbolic link. Put the file itself at the root of the repository."
		return f, nil
	default:
		f.problem = checks.ManifestFile + " is not a file. Put a JSON file of that name at the root of the repository."
		return f, nil
	}
	text, err := t.Read(e.OID, maxManifest)
	var large *TooLargeError
	if errors.As(err, &large) {
		f.problem = fmt.Sprintf("%s has %d bytes. At most %d (16 MiB) are read: make it smaller.", checks.ManifestFile, large.Size, large.Limit)
		return f, nil
	}
	if err != nil {
		return manifestFile{}, fmt.Errorf("read %s: %w", checks.ManifestFile, err)
	}
	f.text = text
	return f, nil
}
