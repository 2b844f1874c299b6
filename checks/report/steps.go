package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

// maxSteps is how many steps a summary lists.
const maxSteps = 12

// timings is a table of the steps that began, where there is more than one.
func timings(r checks.Result) string {
	if len(r.Steps) < 2 {
		return ""
	}
	var b strings.Builder
	b.WriteString("| Step | Took |\n| --- | ---: |\n")
	for i, s := range r.Steps {
		if i == maxSteps-1 && len(r.Steps) > maxSteps {
			var rest time.Duration
			for _, s := range r.Steps[i:] {
				rest += s.Took
			}
			fmt.Fprintf(&b, "| %d more | %s |\n", len(r.Steps)-i, checks.Took(rest))
			break
		}
		fmt.Fprintf(&b, "| %s | %s |\n", markdown.Code(cut(s.Line)), checks.Took(s.Took))
	}
	b.WriteString("\n")
	return b.String()
}
