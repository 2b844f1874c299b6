package app

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/configs"
)

func TestFaultsNameTheirRegistry(t *testing.T) {
	named, storage := configs.Registry{Name: "wheels"}, configs.Registry{}
	for name, c := range map[string]struct {
		reg  configs.Registry
		err  error
		want string
	}{
		"the operator's": {named, fmt.Errorf("list: %w", checks.Errorf(checks.KindConfig, nil, "the bucket does not exist; make it")), "`registries.wheels`: the bucket does not exist; make it."},
		"of the storage": {storage, checks.Errorf(checks.KindConfig, nil, "The disk is full. Free some space."), "`publish.storage`: The disk is full. Free some space."},
		"nobody's":       {named, checks.Errorf(checks.KindUnavailable, nil, "It is away."), "`registries.wheels`: It is away."},
		"the package's":  {named, checks.Errorf(checks.KindRefused, nil, "The file is damaged."), "The file is damaged."},
		"our own":        {named, errors.New("oh no"), ""},
		"a stop":         {named, fmt.Errorf("put: %w", context.Canceled), ""},
	} {
		got := placeIn(c.reg, c.err)
		if text := checks.PublicText(got, ""); text != c.want || !errors.Is(got, c.err) || checks.KindOf(got) != checks.KindOf(c.err) {
			t.Errorf("%s: %q, %v; want %q", name, text, got, c.want)
		}
	}
	if err := placeIn(named, nil); err != nil {
		t.Error(err)
	}
}
