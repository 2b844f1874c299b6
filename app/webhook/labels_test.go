package webhook

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/dudesons/loktar/checks"
)

func TestLabels(t *testing.T) {
	long := strings.Repeat("é", 2*maxLabel)
	hundred := make([]string, 0, maxLabels)
	var many []string
	for n := range 3 * maxLabels {
		many = append(many, fmt.Sprintf(`{"name": "l%d"}`, n))
		if n < maxLabels {
			hundred = append(hundred, fmt.Sprintf("l%d", n))
		}
	}
	for name, tt := range map[string]struct {
		list string
		want []string
	}{
		"some":       {`[{"name": "ci", "color": "red"}, {"name": "<b>\u0000"}]`, []string{"ci", "<b>\x00"}},
		"none":       {`[]`, nil},
		"null":       {`null`, nil},
		"no list":    {`{"name": "ci"}`, nil},
		"odd ones":   {`[5, null, {"name": 5}, {"name": ""}, [], {"name": "ci"}, "x"]`, []string{"ci"}},
		"long":       {`[{"name": "` + long + `"}]`, []string{long[:2*maxLabel]}},
		"many":       {`[` + strings.Join(many, ",") + `]`, hundred},
		"said twice": {`[{"name": "old"}], "labels": [{"name": "new"}]`, []string{"new"}},
	} {
		t.Run(name, func(t *testing.T) {
			i := &inbox{fresh: true}
			serve(i.handler(), delivery("pull_request", pullRequest("labeled",
				`"number"`, `"label": {"name": "`+long+`"}, "number"`, `"draft"`, `"labels": `+tt.list+`, "draft"`)))
			if len(i.events) != 1 {
				t.Fatalf("%d events", len(i.events))
			}
			ev := i.events[0]
			if ev.Kind != checks.EventLabeled || ev.Label != long[:2*maxLabel] {
				t.Errorf("kind %s, label %q", ev.Kind, ev.Label)
			}
			if !slices.Equal(ev.PullRequest.Labels, tt.want) {
				t.Errorf("labels %q, want %q", ev.PullRequest.Labels, tt.want)
			}
		})
	}
}
