package keys_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/keys"
)

// Keys are kept for as long as what was published by them. Where this test
// fails old keys are worth nothing: put them right, or have the format say so
// with another number.
func TestKeysStayWhatTheyAre(t *testing.T) {
	f := files{
		"loktar.json": "{}", "go.work": "1", "a/f": "1", "a/README.md": "1", "a/n/f": "1", "b/f": "1", "b/l": "->../conf", "c/f": "!1",
		"proto/x/1": "1", "proto/x/1_test": "1", "conf/f": "1", "conf/README.md": "1", "lib": "@1", "top/f": "1",
	}
	api := checks.Package{
		Name: "api", Dir: "a", PkgType: "docker", TestType: checks.TestCommand, Image: "golang:1.26", Commands: []string{"go test", "go vet"}, Clean: []string{"rm -r out"},
		Inputs: []string{"proto", "lib"}, Env: map[string]string{"B": "2", "A": "1"}, Secrets: []string{"TOKEN"},
		Services: map[string]checks.Service{"db": {Image: "postgres", Env: map[string]string{"U": "u"}, Ports: []int{5432}, Ready: "5432"}},
		Network:  true, Sandbox: "repository", Git: true, Artifacts: []string{"out/*"},
		BuildInfo: checks.BuildInfo{BuildType: "docker", RegistryType: "oci", BuildArgs: map[string]string{"X": "1"}, ExtraVersions: []string{"edge"}},
	}
	packages := []checks.Package{
		api, in(pkg("nested"), "a/n"), reads(pkg("b", "api"), "proto/**/*", "!**/*_test"), pkg("c"), pkg("d", "c"), in(pkg("top"), "top"),
	}
	edges := []checks.Edge{{From: "c", To: "d", Cyclic: true}, {From: "top", File: "conf/f"}}
	for name, c := range map[string]struct {
		m    checks.Manifest
		o    keys.Options
		want map[string]string
	}{
		"plain": {checks.Manifest{Packages: packages, Edges: edges}, keys.Options{}, map[string]string{
			"api":    "b971fe3808a26d9fea9fc08c52dc50db5ad7b35780b8bfadb5af8f35df86823d",
			"b":      "2433a620536b10186207c46df5a6d18b3388664bec6bd71885d96bf99a0a04b4",
			"c":      "9d83d10b3e8460d8c29593f164e0bb40ad94f877cf82a6211fb6aeac3422bd56",
			"d":      "32ed7f0fbc85d7e4fb21704ced903be6cdfdb732c1861718087b6ea9ffdcd549",
			"nested": "0f0052336c6502b77735d57af2be5e563c131a3283f8303e19182b0fd1556b36",
			"top":    "5312c64ce4e52f1e07d3d1cb9c0a7cfb4e0f5a5613d77e1398e271dc4d3fa2f7",
		}},
		"all of it": {
			checks.Manifest{Packages: append(packages[:5:5], in(pkg("root"), ".")), Edges: edges, GlobalInputs: []string{"go.*"}, Ignore: []string{"**/*.md"}, Unread: []checks.FileProblem{{Package: "d"}}},
			keys.Options{Image: func(name string) string { return "sha256:" + name }, All: []string{"1"}},
			map[string]string{
				"api":    "2ae64c5cf98dfb5b203e2937cf15fda2f61d68cb32f2d22e7eec4d2a612fc4ed",
				"b":      "61802c96ba6fbf9f4bb598121c319a90cab63ab616f4dd184c2a643b710387a4",
				"c":      "923927f0e38cb1288f8efc314aada7314bf7f7f8e1bf628d0c07be444af88f46",
				"d":      "def4f8fbb24337926b83399c75021cdc74c39f31148a53a43cf9812c18236d9f",
				"nested": "3a37e166daa4f84b3c8ea6dec114bcd51abe34f1a7b039e0a65cd46bcaf90a0f",
				"root":   "a80e77a17f02e0751aaa8bebeca71a0b58a1bcdbbe82d01d39ea203fb74f9aa5",
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Links = f.links()
			got, err := keys.Of(&c.m, f.tree(), c.o)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}
