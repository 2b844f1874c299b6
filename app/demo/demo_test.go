package demo_test

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/dudesons/loktar/app/demo"
	"github.com/dudesons/loktar/runner/docker/dockertest"
)

// TestDemo shows the demo as it is shown without a terminal.
func TestDemo(t *testing.T) {
	if _, err := dockertest.Engine(t).ImageInspect(t.Context(), "loktar/base"); err != nil {
		t.Fatalf("the demo needs the image loktar/base; make it with `make image`: %v", err)
	}
	var out bytes.Buffer
	if err := demo.Run(t.Context(), demo.Options{Listen: "127.0.0.1:0", Version: "test", Out: &out}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{
		`(?m)^  awesome_lib +success +Passed in \S+ s +http://\S+/awesome_lib$`,
		`(?m)^  loktar +success +2 packages passed in \S+ s +http://\S+$`,
		`(?m)^  pet_api +success +Passed in \S+ s +http://\S+/pet_api$`,
		`(?m)^  the pull request: http://\S+/pets-inc/pets/pull/1$`,
		`not affected, so not run: web-front`,
	} {
		if !regexp.MustCompile(want).MatchString(out.String()) {
			t.Errorf("the demo does not print %s:\n%s", want, out.String())
		}
	}
}

// TestDemoThatIsStopped presses Ctrl-C before the checks have ended.
func TestDemoThatIsStopped(t *testing.T) {
	dockertest.Engine(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	err := demo.Run(ctx, demo.Options{Listen: "127.0.0.1:0", Image: dockertest.Image(t), Version: "test", Out: &stopper{when: "watch it at", stop: stop}})
	if err == nil || err.Error() != "the demo was stopped before its checks had ended" {
		t.Errorf("the demo ended with: %v", err)
	}
}

// stopper calls stop when a text is written.
type stopper struct {
	when string
	once sync.Once
	stop func()
}

func (s *stopper) Write(p []byte) (int, error) {
	if strings.Contains(string(p), s.when) {
		s.once.Do(s.stop)
	}
	return len(p), nil
}

// TestDemoStays stays up after the checks have ended, until Ctrl-C.
func TestDemoStays(t *testing.T) {
	dockertest.Engine(t)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	out := &stopper{when: "What the checks then do shows here too.", stop: stop}
	if err := demo.Run(ctx, demo.Options{Listen: "127.0.0.1:0", Image: dockertest.Image(t), Version: "test", Stay: true, Out: out}); err != nil {
		t.Errorf("the demo ended with: %v", err)
	}
}
