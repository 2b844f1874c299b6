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

// manifest reads loktar.json at the root of a tree or commit. A link is not
// followed.
func (o *Objects) manifest(rev string) (manifestFile, error) {
	return o.manifestBut(rev, manifestFile{})
}

// manifestBut is manifest, but known is given back when it is the same blob.
func (o *Objects) manifestBut(rev string, known manifestFile) (manifestFile, error) {
	entries, err := o.Tree(rev)
	if err != nil {
		return manifestFile{}, fmt.Errorf("list the root folder: %w", err)
	}
	for _, e := range entries {
		if e.Name != checks.ManifestFile {
			continue
		}
		if e.IsFile() && e.OID == known.blob {
			return known, nil
		}
		return o.manifestEntry(e)
	}
	return manifestFile{}, nil
}

func (o *Objects) manifestEntry(e Entry) (manifestFile, error) {
	f := manifestFile{blob: e.OID}
	switch {
	case e.IsFile():
	case e.Mode == ModeSymlink:
		f.problem = checks.ManifestFile + " is a symbolic link. Put the file itself at the root of the repository."
		return f, nil
	default:
		f.problem = checks.ManifestFile + " is not a file. Put a JSON file of that name at the root of the repository."
		return f, nil
	}
	_, text, err := o.Blob(e.OID, maxManifest)
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
