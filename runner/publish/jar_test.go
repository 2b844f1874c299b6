package publish_test

import (
	"archive/zip"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/dudesons/loktar/runner/publish/publishtest"
)

// TestPublishedJarRuns reads back what was published, and runs it.
func TestPublishedJarRuns(t *testing.T) {
	folder, dir := openFolder(t)
	src := t.TempDir()
	write(t, src, map[string]string{"Hello.java": "class Hello { public static void main(String[] a) { System.out.print(\"hello\"); } }"})
	command(t, src, nil, publishtest.Tool(t, "javac", "default-jdk-headless"), "Hello.java")
	files := map[string][]byte{
		"META-INF/MANIFEST.MF": []byte("Manifest-Version: 1.0\nMain-Class: Hello\n"),
		"Hello.class":          must(os.ReadFile(filepath.Join(src, "Hello.class"))),
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
	if got := command(t, src, nil, "java", "-jar", path); got != "hello" {
		t.Errorf("the jar says %q", got)
	}
}
