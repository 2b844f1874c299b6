package publish_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/publish"
	"github.com/dudesons/loktar/store/blob"
)

func openFolder(t testing.TB) (*publish.Folder, string) {
	dir := filepath.Join(t.TempDir(), "published")
	f, err := publish.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, dir
}

func onBucket(b blob.Bucket) *publish.Storage {
	return publish.NewS3(func(_ context.Context, name string) (publish.Place, error) {
		if name != "artifacts" {
			return publish.Place{}, nil
		}
		return publish.Place{Bucket: b, URL: "s3://artifacts"}, nil
	})
}

func jar(version string, files ...publish.File) publish.Release {
	r := release("jar", "pet-api", version, files...)
	r.Package.BuildInfo.Bucket = "artifacts"
	return r
}

func TestStorageVersions(t *testing.T) {
	folder, dir := openFolder(t)
	p := onBucket(folder)
	one := jar("1", fileOf("pet-api.jar", []byte("one")), fileOf("doc/a b.txt", []byte("doc")))
	wantState(t, p, one, publish.Absent)
	wantHighest(t, p, one.Package, 0)
	out := mustPublish(t, p, one)
	var urls []string
	for _, i := range out.Items {
		urls = append(urls, i.URL)
	}
	if want := []string{"s3://artifacts/jars/prod/pet-api/1/doc/a%20b.txt", "s3://artifacts/jars/prod/pet-api/1/pet-api.jar"}; !slices.Equal(urls, want) {
		t.Errorf("URLs %q, want %q", urls, want)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "jars/prod/pet-api/1/pet-api.jar")); err != nil || string(got) != "one" {
		t.Errorf("published %q, %v", got, err)
	}
	wantState(t, p, one, publish.Complete)
	mustPublish(t, p, one)
	// Whoever lost the files finds the release by its commit.
	bare := one
	bare.Files = nil
	if out := wantState(t, p, bare, publish.Complete); len(out.Items) != 2 || out.Items[0].SHA256 == "" {
		t.Errorf("found %+v", out)
	}
	for _, v := range []struct {
		version string
		highest int64
	}{{"2", 2}, {"10", 10}, {"3", 10}, {"20.1", 10}} {
		mustPublish(t, p, jar(v.version, fileOf("a.jar", []byte(v.version))))
		wantHighest(t, p, one.Package, v.highest)
	}
	other := one.Package
	other.Name = "pet"
	wantHighest(t, p, other, 0)
}

func TestStorageConflicts(t *testing.T) {
	folder, dir := openFolder(t)
	p := onBucket(folder)
	one := jar("1", fileOf("a.jar", []byte("one")))
	mustPublish(t, p, one)
	for name, change := range map[string]func(*publish.Release){
		"content":    func(r *publish.Release) { r.Files = []publish.File{fileOf("a.jar", []byte("two"))} },
		"more files": func(r *publish.Release) { r.Files = append(slices.Clone(r.Files), fileOf("b.jar", []byte("b"))) },
		"commit":     func(r *publish.Release) { r.Commit = strings.Repeat("cd", 20) },
		"repository": func(r *publish.Release) { r.Repo.Name = "other" },
	} {
		r := one
		change(&r)
		wantState(t, p, r, publish.Conflict)
		_, err := p.Publish(t.Context(), r)
		if !publish.IsConflict(err) {
			t.Errorf("%s: %v", name, err)
		}
		wantKind(t, err, checks.KindRefused)
	}
	write(t, dir, map[string]string{"jars/prod/pet-api/7/a.jar": "foreign"})
	wantState(t, p, jar("7", fileOf("a.jar", []byte("foreign"))), publish.Conflict)
	if got, _ := os.ReadFile(filepath.Join(dir, "jars/prod/pet-api/1/a.jar")); string(got) != "one" {
		t.Errorf("the version was changed to %q", got)
	}
}

func TestStoragePullRequest(t *testing.T) {
	folder, dir := openFolder(t)
	p := onBucket(folder)
	build := func(commit string, files ...publish.File) publish.Release {
		r := jar("ignored", files...)
		r.PullRequest, r.Branch, r.Commit = true, "feature/jürgen#1", commit
		return r
	}
	one := build("c1", fileOf("a-1.jar", []byte("1")), fileOf("same.txt", []byte("x")))
	wantState(t, p, one, publish.Absent)
	out := mustPublish(t, p, one)
	if want := "s3://artifacts/jars/dev/pet-api/feature/j%25C3%25BCrgen%25231/a-1.jar"; out.Items[0].URL != want {
		t.Errorf("URL %q, want %q", out.Items[0].URL, want)
	}
	wantState(t, p, one, publish.Complete)
	two := build("c2", fileOf("a-2.jar", []byte("2")), fileOf("same.txt", []byte("y")))
	wantState(t, p, two, publish.Partial)
	mustPublish(t, p, two)
	wantState(t, p, two, publish.Complete)
	found, err := filepath.Glob(filepath.Join(dir, "jars/dev/pet-api/feature/*/*"))
	if err != nil || len(found) != 3 {
		t.Errorf("the branch has %q, %v", found, err)
	}
	wantHighest(t, p, one.Package, 0)
	for _, branch := range []string{"..", "a/../../prod/x", "/a", "a//b", ""} {
		r := one
		r.Branch = branch
		_, err := p.Publish(t.Context(), r)
		wantKind(t, err, checks.KindRefused)
	}
}

func TestStorageRefuses(t *testing.T) {
	folder, dir := openFolder(t)
	p := onBucket(folder)
	for name, change := range map[string]func(*publish.Release){
		"no files":    func(r *publish.Release) { r.Files = nil },
		"escape":      func(r *publish.Release) { r.Files[0].Name = "../../2/a.jar" },
		"absolute":    func(r *publish.Release) { r.Files[0].Name = "/etc/x" },
		"record":      func(r *publish.Release) { r.Files[0].Name = ".loktar.json" },
		"control":     func(r *publish.Release) { r.Files[0].Name = "a\n.jar" },
		"twice":       func(r *publish.Release) { r.Files = append(r.Files, r.Files[0]) },
		"version":     func(r *publish.Release) { r.Version = "../1" },
		"prefix":      func(r *publish.Release) { r.Package.BuildInfo.Prefix = "a/../../b" },
		"name":        func(r *publish.Release) { r.Package.Name = "../x" },
		"file as dir": func(r *publish.Release) { r.Files = append(r.Files, fileOf("a.jar/b", []byte("b"))) },
	} {
		r := jar("1", fileOf("a.jar", []byte("one")))
		change(&r)
		if _, err := p.Publish(t.Context(), r); checks.KindOf(err) != checks.KindRefused {
			t.Errorf("%s: %v", name, err)
		}
	}
	r := jar("2", fileOf("a.jar", []byte("one")))
	r.Package.BuildInfo.Bucket = "unknown"
	_, err := p.Publish(t.Context(), r)
	wantKind(t, err, checks.KindConfig)
	r = jar("3", fileOf("a.jar", []byte("one")))
	r.Files[0].Open = fileOf("", []byte("two")).Open
	if _, err := p.Publish(t.Context(), r); !errors.Is(err, blob.ErrMismatch) {
		t.Errorf("a file that changed: %v", err)
	}
	outside, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(outside) != 1 {
		t.Errorf("beside the folder: %v, %v", outside, err)
	}
}

// flaky fails calls that write.
type flaky struct {
	blob.Bucket
	left int // writes until the server dies
	lost bool
}

var errDied = checks.Errorf(checks.KindUnavailable, nil, "gone")

func (f *flaky) Put(ctx context.Context, key string, r io.Reader, o blob.PutOptions) (blob.Info, error) {
	f.left--
	if f.left < 0 || f.left == 0 && !f.lost {
		return blob.Info{}, errDied
	}
	info, err := f.Bucket.Put(ctx, key, r, o)
	if f.left == 0 {
		return blob.Info{}, errDied // it was carried out
	}
	return info, err
}

// Whenever the server dies, publishing again gives each version once, as it
// was made.
func TestStorageSurvivesDeath(t *testing.T) {
	base := t.TempDir()
	round := 0
	rapid.Check(t, func(t *rapid.T) {
		round++
		dir := filepath.Join(base, fmt.Sprint(round))
		folder, err := publish.OpenFolder(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer folder.Close()
		var files []publish.File
		for i := range rapid.IntRange(1, 4).Draw(t, "files") {
			files = append(files, fileOf(fmt.Sprintf("f%d", i), []byte(rapid.StringN(0, 20, -1).Draw(t, "content"))))
		}
		b := &flaky{Bucket: folder}
		p := onBucket(b)
		r := jar("1", files...)
		for range rapid.IntRange(0, 4).Draw(t, "deaths") {
			b.left, b.lost = rapid.IntRange(1, 5).Draw(t, "at"), rapid.Bool().Draw(t, "lost")
			if _, err := p.Publish(context.Background(), r); err != nil && !errors.Is(err, errDied) {
				t.Fatal(err)
			}
		}
		b.left = 1 << 20
		if _, err := p.Publish(context.Background(), r); err != nil {
			t.Fatal(err)
		}
		if _, state, err := p.Find(context.Background(), r); err != nil || state != publish.Complete {
			t.Fatalf("found %v, %v", state, err)
		}
		all, err := folder.List(context.Background(), "", "", 0)
		if err != nil || len(all) != len(files)+1 {
			t.Fatalf("the folder has %+v, %v", all, err)
		}
	})
}
