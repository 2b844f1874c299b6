package publish

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"regexp"
	"strings"
)

// distribution is a file for a Python index, and what it says of itself.
type distribution struct {
	file     File
	name     string // of the file: one element
	fileType string // bdist_wheel or sdist
	python   string // the tag of the wheel, or source
	metadata metadata
}

// metadata are the headers of a METADATA or PKG-INFO, in their order.
type metadata struct {
	fields []field
	body   string
}

type field struct{ name, value string }

func (m metadata) get(name string) string {
	for _, f := range m.fields {
		if strings.EqualFold(f.name, name) {
			return f.value
		}
	}
	return ""
}

const (
	maxMetadata = 4 << 20
	maxWheel    = 2 << 30
	maxEntries  = 100_000
)

// Specifications: packaging.python.org, "Binary distribution format", "File
// name convention", and "Source distribution format", "Source distribution
// file name".
var (
	wheelName = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?)-([A-Za-z0-9_.!+]+)(?:-([0-9][A-Za-z0-9_.]*))?-([A-Za-z0-9_.]+)-([A-Za-z0-9_.]+)-([A-Za-z0-9_.]+)\.whl$`)
	sdistName = regexp.MustCompile(`^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)-([A-Za-z0-9_.!+]+)\.tar\.gz$`)
)

// fileVersion is the project and version that a distribution's name tells.
func fileVersion(name string) (project, version string, ok bool) {
	m := wheelName.FindStringSubmatch(name)
	if m == nil {
		m = sdistName.FindStringSubmatch(name)
	}
	if m == nil {
		return "", "", false
	}
	// A file's name has _ for each - of a version.
	version, ok = normalVersion(strings.ReplaceAll(m[2], "_", "-"))
	if !ok {
		version, ok = normalVersion(m[2])
	}
	return normalName(m[1]), version, ok
}

// readDistribution opens a wheel or an sdist, and sees to it that its name
// and its metadata say what they should for project and version.
func readDistribution(f File, project, version string) (*distribution, error) {
	d := &distribution{file: f, name: base(f), fileType: "sdist", python: "source"}
	owner, stated, ok := fileVersion(d.name)
	if !ok {
		return nil, refusedf("%q is not the name of a wheel or an sdist. Name wheels alone in `artifacts`, as in `dist/*.whl`.", short(d.name))
	}
	if m := wheelName.FindStringSubmatch(d.name); m != nil {
		d.fileType, d.python = "bdist_wheel", m[4]
	}
	if f.Size > maxWheel {
		return nil, refusedf("The file %q is larger than 2 GiB, which no index takes.", short(d.name))
	}
	data, err := readMetadata(f, d.name, d.fileType)
	if err != nil {
		return nil, err
	}
	if d.metadata, err = parseMetadata(data); err != nil {
		return nil, refusedf("The metadata of %q cannot be read: %v.", short(d.name), err)
	}
	name, says := d.metadata.get("Name"), d.metadata.get("Version")
	switch {
	case !projectName.MatchString(name) || normalName(name) != owner || owner != project:
		return nil, refusedf("The file %q is of the project %q, and the package is %q. Give the project the package's name.", short(d.name), short(name), project)
	case !sameVersion(says, stated) || !sameVersion(stated, version):
		return nil, refusedf("The file %q has the version %q, and the release is %s. Have the build take its version from LOKTAR_VERSION.", short(d.name), short(says), version)
	case d.metadata.get("Metadata-Version") == "":
		return nil, refusedf("The metadata of %q has no Metadata-Version.", short(d.name))
	}
	return d, nil
}

func readMetadata(f File, name, fileType string) ([]byte, error) {
	body, err := f.Open()
	if err != nil {
		return nil, fmt.Errorf("open file %q of the release: %w", f.Name, err)
	}
	defer body.Close()
	var data []byte
	if fileType == "bdist_wheel" {
		data, err = wheelMetadata(body, f.Size)
	} else {
		data, err = sdistMetadata(body, strings.TrimSuffix(name, ".tar.gz")+"/PKG-INFO")
	}
	var bad *badFile
	if errors.As(err, &bad) {
		return nil, refusedf("The file %q is damaged: %v.", short(name), bad)
	}
	return data, err
}

// badFile is a fault of the file, not of reading it.
type badFile struct{ error }

func wheelMetadata(r io.Reader, size int64) ([]byte, error) {
	at, ok := r.(io.ReaderAt)
	if !ok {
		tmp, err := os.CreateTemp("", "loktar-wheel-")
		if err != nil {
			return nil, fmt.Errorf("read wheel: %w", err)
		}
		defer tmp.Close()
		defer os.Remove(tmp.Name()) //nolint:errcheck // a file in the folder for such
		if size, err = io.Copy(tmp, io.LimitReader(r, maxWheel)); err != nil {
			return nil, fmt.Errorf("read wheel: %w", err)
		}
		at = tmp
	}
	archive, err := zip.NewReader(at, size)
	if err != nil {
		return nil, &badFile{err}
	}
	if len(archive.File) > maxEntries {
		return nil, &badFile{errors.New("it has too many files")}
	}
	var found *zip.File
	for _, f := range archive.File {
		if dir, file := path.Split(f.Name); file == "METADATA" && strings.Count(dir, "/") == 1 && strings.HasSuffix(dir, ".dist-info/") {
			if found != nil {
				return nil, &badFile{errors.New("it has two files METADATA")}
			}
			found = f
		}
	}
	if found == nil {
		return nil, &badFile{errors.New("it has no METADATA")}
	}
	body, err := found.Open()
	if err != nil {
		return nil, &badFile{err}
	}
	defer body.Close()
	return bounded(body)
}

func sdistMetadata(r io.Reader, want string) ([]byte, error) {
	unpacked, err := gzip.NewReader(r)
	if err != nil {
		return nil, &badFile{err}
	}
	archive := tar.NewReader(io.LimitReader(unpacked, maxWheel))
	for range maxEntries {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, &badFile{err}
		}
		if path.Clean(h.Name) == want && h.Typeflag == tar.TypeReg {
			return bounded(archive)
		}
	}
	return nil, &badFile{fmt.Errorf("it has no %s", want)}
}

func bounded(r io.Reader) ([]byte, error) {
	data, more, err := readSome(r, maxMetadata)
	if err != nil {
		return nil, &badFile{err}
	}
	if more {
		return nil, &badFile{errors.New("its metadata are too long")}
	}
	return data, nil
}

var fieldName = regexp.MustCompile(`^[A-Za-z][A-Za-z-]*$`)

// parseMetadata reads the core metadata of a Python project: headers with
// continuation lines, an empty line, the description.
func parseMetadata(data []byte) (metadata, error) {
	var m metadata
	lines := bufio.NewReader(bytes.NewReader(data))
	for {
		line, err := lines.ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return m, err
		}
		atEnd := err != nil
		line = strings.TrimRight(line, "\r\n")
		switch {
		case line == "":
			rest, err := io.ReadAll(lines)
			m.body = string(rest)
			return m, err
		case line[0] == ' ' || line[0] == '\t':
			if len(m.fields) == 0 {
				return m, errors.New("it begins within a field")
			}
			last := &m.fields[len(m.fields)-1]
			last.value += "\n" + unfold(line)
		default:
			name, value, ok := strings.Cut(line, ":")
			if !ok || !fieldName.MatchString(name) {
				return m, fmt.Errorf("%q is no field", short(line))
			}
			if len(m.fields) >= 10_000 {
				return m, errors.New("it has too many fields")
			}
			m.fields = append(m.fields, field{name, strings.TrimSpace(value)})
		}
		if atEnd {
			return m, nil
		}
	}
}

// unfold takes the indent of a continuation line away: setuptools writes
// eight spaces, others seven and a bar.
func unfold(line string) string {
	for _, indent := range []string{"       |", "        ", "\t"} {
		if rest, ok := strings.CutPrefix(line, indent); ok {
			return rest
		}
	}
	return strings.TrimLeft(line, " ")
}
