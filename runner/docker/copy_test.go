package docker

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// What an engine would never archive is refused, or ends inside of the folder.
func TestUnpackStaysInside(t *testing.T) {
	type entry = tar.Header
	dir := func(name string) entry { return entry{Typeflag: tar.TypeDir, Name: name, Mode: 0o755} }
	file := func(name string) entry { return entry{Typeflag: tar.TypeReg, Name: name, Mode: 0o644} }
	link := func(name, to string) entry { return entry{Typeflag: tar.TypeSymlink, Name: name, Linkname: to} }
	hard := func(name, to string) entry { return entry{Typeflag: tar.TypeLink, Name: name, Linkname: to} }
	for name, c := range map[string]struct {
		entries []entry
		fails   bool
	}{
		"an ordinary one":                        {[]entry{dir("./"), dir("./a/"), file("./a/b"), link("./l", "/etc/passwd"), hard("./h", "./a/b")}, false},
		"a name that climbs":                     {[]entry{file("./../out")}, true},
		"one that climbs late":                   {[]entry{file("./a/../../out")}, true},
		"an absolute one":                        {[]entry{file("//out")}, true},
		"through a link up":                      {[]entry{link("./l", ".."), file("./l/out")}, true},
		"through a far link":                     {[]entry{link("./l", "/tmp"), file("./l/out")}, true},
		"over a link":                            {[]entry{link("./l", "../out"), file("./l")}, true},
		"over a file":                            {[]entry{file("./a"), file("./a")}, true},
		"a link to the outside that has content": {[]entry{hard("./h", "./../kept")}, true},
		"a link to nothing":                      {[]entry{hard("./h", "./none")}, true},
		"a device":                               {[]entry{{Typeflag: tar.TypeBlock, Name: "./sda", Devmajor: 8}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			around := t.TempDir()
			in := filepath.Join(around, "in")
			if err := os.Mkdir(in, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(around, "kept"), []byte("kept"), 0o600); err != nil {
				t.Fatal(err)
			}
			var archive bytes.Buffer
			w := tar.NewWriter(&archive)
			for _, e := range c.entries {
				if err := w.WriteHeader(&e); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			root, err := os.OpenRoot(in)
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			u := unpacker{root: root, left: 100, most: 100}
			if err := u.unpack(&archive); (err != nil) != c.fails {
				t.Errorf("error %v", err)
			}
			entries, err := os.ReadDir(around)
			if err != nil || len(entries) != 2 {
				t.Errorf("around the folder there is %v, %v", entries, err)
			}
			if name == "a device" {
				if left, err := os.ReadDir(in); err != nil || len(left) != 0 {
					t.Errorf("it was made: %v, %v", left, err)
				}
			}
		})
	}
}

// Whatever the archive, nothing is written outside of the folder.
func FuzzUnpack(f *testing.F) {
	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	for _, h := range []tar.Header{{Typeflag: tar.TypeSymlink, Name: "./l", Linkname: ".."}, {Typeflag: tar.TypeReg, Name: "./l/out"}} {
		if err := w.WriteHeader(&h); err != nil {
			f.Fatal(err)
		}
	}
	w.Close()
	f.Add(archive.Bytes())
	f.Add([]byte(strings.Repeat("x", 600)))
	f.Fuzz(func(t *testing.T, data []byte) {
		around := t.TempDir()
		in := filepath.Join(around, "in")
		if err := os.Mkdir(in, 0o700); err != nil {
			t.Fatal(err)
		}
		root, err := os.OpenRoot(in)
		if err != nil {
			t.Fatal(err)
		}
		defer root.Close()
		u := unpacker{root: root, left: 1000, most: 1000}
		_ = u.unpack(bytes.NewReader(data))
		if entries, err := os.ReadDir(around); err != nil || len(entries) != 1 {
			t.Errorf("around the folder there is %v, %v", entries, err)
		}
	})
}
