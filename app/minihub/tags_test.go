package minihub_test

import (
	"testing"

	"github.com/dudesons/loktar/app/minihub"
	"github.com/dudesons/loktar/app/minihub/minihubtest"
)

func TestTag(t *testing.T) {
	h := minihubtest.Start(t)
	listen(t, h)
	repo := h.Repo("acme", "mono", map[string]string{"a": "1"})
	sha := h.Commit(repo, minihub.Commit{Files: map[string]string{"a": "2"}})
	if err := repo.Tag(t.Context(), "acme", "v1/x", sha); err != nil {
		t.Fatal(err)
	}
	if err := repo.Tag(t.Context(), "acme", "v1/x", ""); err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	for _, d := range delivered(t, h, "push", "", 4) { // two commits, the tag, its end
		if p := decode(t, d.Payload); at(p, "ref") == "refs/tags/v1/x" {
			got = append(got, p)
		}
	}
	if len(got) != 2 || at(got[0], "after") != sha || at(got[0], "created") != true || at(got[1], "deleted") != true {
		t.Errorf("%d pushes of the tag, the first after %v", len(got), at(got[0], "after"))
	}
	for name, to := range map[string]string{"a..b": sha, "fine": "0123", "": sha, "also\nbad": sha} {
		if repo.Tag(t.Context(), "acme", name, to) == nil {
			t.Errorf("tag %q at %q was taken", name, to)
		}
	}
	if err := repo.Archive(); err != nil {
		t.Fatal(err)
	}
	if repo.Tag(t.Context(), "acme", "v2", sha) == nil {
		t.Error("an archived repository took a tag")
	}
}
