package publish_test

import (
	"testing"

	"github.com/dudesons/loktar/runner/docker/dockertest"
	"github.com/dudesons/loktar/runner/publish"
	"github.com/dudesons/loktar/runner/publish/publishtest"
)

// TestImageOfARenamedRepository: what was built before the repository got
// another name is published all the same.
func TestImageOfARenamedRepository(t *testing.T) {
	engine := dockertest.Engine(t)
	registry := publishtest.StartRegistry(t, "")
	p := publish.NewOCI(publish.OCIOptions{Engine: engine})
	of := imageRelease(t, engine, registry.Host, "1")
	of.Repo.Owner = "globex"
	mustPublish(t, p, of)
	wantState(t, p, of, publish.Complete)

	other := of
	other.Version, other.Package.Name = "2", "another"
	if _, err := p.Publish(t.Context(), other); err == nil {
		t.Error("the image of another release is published")
	}
}
