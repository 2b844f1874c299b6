package sandboxtest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/dudesons/loktar/runner"
	"github.com/dudesons/loktar/runner/sandboxtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestDummy(t *testing.T) {
	sandboxtest.Run(t, func(*testing.T) runner.Sandbox { return &sandboxtest.Dummy{} })
}
