package publish_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestPublishedJarRuns reads back what was published, and runs it where Java
// is on the machine.
func TestPublishedJarRuns(t *testing.T) {
	folder, dir := openFolder(t)
	src := t.TempDir()
	files := map[string][]byte{"META-INF/MANIFEST.MF": []byte("Manifest-Version: 1.0\nMain-Class: Hello\n")}
	javac, err := exec.LookPath("javac")
	if err == nil {
		write(t, src, map[string]string{"Hello.java": "class Hello { public static void main(String[] a) { System.out.print(\"hello\"); } }"})
		command(t, src, nil, javac, "Hello.java")
		files["Hello.class"] = must(os.ReadFile(filepath.Join(src, "Hello.class")))
	}
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for name, data := range files {
		if _, err := must(w.Create(name)).Write(data); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	mustPublish(t, onBucket(folder), jar("8", fileOf("hello.jar", archive.Bytes())))
	path := filepath.Join(dir, "jars/prod/pet-api/8/hello.jar")
	r := must(zip.OpenReader(path))
	defer r.Close()
	for _, f := range r.File {
		body := must(f.Open())
		if got := must(io.ReadAll(body)); !bytes.Equal(got, files[f.Name]) {
			t.Errorf("%s is %q", f.Name, got)
		}
		body.Close()
	}
	if len(r.File) != len(files) {
		t.Errorf("the jar has %d files, want %d", len(r.File), len(files))
	}
	if javac == "" {
		t.Log("no javac on this machine: the jar was read and not run")
		return
	}
	if got := command(t, src, nil, "java", "-jar", path); got != "hello" {
		t.Errorf("the jar says %q", got)
	}
}
