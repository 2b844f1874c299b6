package publish

import (
	"archive/tar"
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"time"

	"github.com/bmatcuk/doublestar/v4"
)

// ignoreRule is a line of .dockerignore.
type ignoreRule struct {
	pattern string
	keep    bool // a line with "!"
}

const maxIgnore = 1 << 20

// parseIgnore reads a .dockerignore: patterns of Go's path.Match and "**",
// one a line, of which the last that matches decides. Format: Docker's
// reference of `docker build`, ".dockerignore files".
func parseIgnore(r io.Reader) ([]ignoreRule, error) {
	data, more, err := readSome(r, maxIgnore)
	if err != nil {
		return nil, err
	}
	if more {
		return nil, refusedf("The file .dockerignore is larger than %d bytes.", maxIgnore)
	}
	var rules []ignoreRule
	lines := bufio.NewScanner(strings.NewReader(strings.TrimPrefix(string(data), "\ufeff")))
	lines.Buffer(nil, maxIgnore+1)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimSpace(line)
		rule := ignoreRule{}
		if rest, ok := strings.CutPrefix(line, "!"); ok {
			rule.keep, line = true, strings.TrimSpace(rest)
		}
		if line == "" {
			continue
		}
		line = strings.TrimPrefix(path.Clean("/"+line), "/")
		// Braces mean themselves here.
		rule.pattern = strings.NewReplacer("{", `\{`, "}", `\}`).Replace(line)
		if line == "" {
			continue
		}
		if !doublestar.ValidatePattern(rule.pattern) {
			return nil, refusedf("The file .dockerignore has the pattern %q, which is not valid.", short(line))
		}
		rules = append(rules, rule)
	}
	return rules, lines.Err()
}

// ignored reports whether name, or a folder above it, is ignored.
func ignored(rules []ignoreRule, name string) bool {
	out := false
	for _, rule := range rules {
		if rule.keep == !out {
			continue // it changes nothing
		}
		for n := name; n != "."; n = path.Dir(n) {
			if ok, _ := doublestar.Match(rule.pattern, n); ok {
				out = !rule.keep
				break
			}
		}
	}
	return out
}

// packer writes the context of a build.
type packer struct {
	ctx    context.Context
	root   *os.Root
	rules  []ignoreRule
	always map[string]bool // sent though ignored
	left   int64           // bytes that may still be packed
	out    *tar.Writer
}

// packContext writes the folder as a tar for the engine, as much of it as
// .dockerignore leaves. Symbolic links go as they are and are never followed,
// so nothing from outside of the folder goes along; sockets, pipes and devices
// stay. The owner is root.
func packContext(ctx context.Context, root *os.Root, dockerfile string, limit int64, w io.Writer) error {
	p := &packer{
		ctx: ctx, root: root, left: limit, out: tar.NewWriter(w),
		always: map[string]bool{dockerfile: true, ".dockerignore": true},
	}
	file, err := openRegular(root, ".dockerignore")
	switch {
	case err == nil:
		p.rules, err = parseIgnore(file)
		file.Close()
	case errors.Is(err, fs.ErrNotExist):
		err = nil
	}
	if err == nil {
		err = fs.WalkDir(root.FS(), ".", p.add)
	}
	if err == nil {
		err = p.out.Close()
	}
	if err != nil {
		return fmt.Errorf("pack the folder: %w", err)
	}
	return nil
}

func openRegular(root *os.Root, name string) (*os.File, error) {
	fi, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !fi.Mode().IsRegular() {
		return nil, refusedf("%q in the package is no regular file.", short(name))
	}
	return root.Open(name)
}

func (p *packer) add(name string, d fs.DirEntry, err error) error {
	switch {
	case err != nil:
		return err
	case p.ctx.Err() != nil:
		return p.ctx.Err()
	case name == ".":
		// BuildKit knows a tar by its first 1,024 bytes: no long header there.
		return p.out.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "./", Mode: 0o755, Format: tar.FormatUSTAR})
	case ignored(p.rules, name) && !p.always[name] && !p.leadsToAlways(name):
		if d.IsDir() && !p.keepsSome() {
			return fs.SkipDir
		}
		return nil
	}
	info, err := d.Info()
	if err != nil {
		return err
	}
	h := &tar.Header{Name: name, Mode: int64(info.Mode().Perm()), ModTime: info.ModTime().Truncate(time.Second)}
	switch mode := info.Mode(); {
	case mode.IsDir():
		h.Typeflag, h.Name = tar.TypeDir, name+"/"
	case mode&fs.ModeSymlink != 0:
		h.Typeflag = tar.TypeSymlink
		if h.Linkname, err = p.root.Readlink(name); err != nil {
			return err
		}
	case mode.IsRegular():
		return p.addFile(name, h)
	default:
		return nil
	}
	return p.out.WriteHeader(h)
}

func (p *packer) addFile(name string, h *tar.Header) error {
	file, err := openRegular(p.root, name)
	if err != nil {
		return err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return err
	}
	h.Typeflag, h.Size = tar.TypeReg, info.Size()
	if p.left -= h.Size; p.left < 0 {
		return refusedf("The folder of the package is too large to build an image of. Name what the image does not need in .dockerignore.")
	}
	if err := p.out.WriteHeader(h); err != nil {
		return err
	}
	if _, err := io.CopyN(p.out, &stoppable{p.ctx, file}, h.Size); err != nil {
		return fmt.Errorf("read %q: %w", name, err)
	}
	return nil
}

func (p *packer) keepsSome() bool {
	for _, r := range p.rules {
		if r.keep {
			return true
		}
	}
	return false
}

// leadsToAlways reports whether name is a folder above a file that has to go.
func (p *packer) leadsToAlways(name string) bool {
	for always := range p.always {
		if strings.HasPrefix(always, name+"/") {
			return true
		}
	}
	return false
}
