package report

import (
	"cmp"
	"fmt"
	"net/url"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/checks/markdown"
)

const (
	// maxItems bounds the files that a check of a release lists.
	maxItems = 100
	// maxArtifacts bounds those that a check of a test does.
	maxArtifacts = 20
)

// FileURL is where a file is had that a job left.
func FileURL(base string, id checks.JobID, name string) string {
	parts := strings.Split(name, "/")
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return JobURL(base, id) + "/files/" + strings.Join(parts, "/")
}

// items is the table of what a release published.
func items(r checks.Result) string {
	if r.Outcome != checks.OutcomePassed || len(r.Items) == 0 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "**Published:** version %s\n\n| File | SHA-256 or digest | Bytes |\n| --- | --- | ---: |\n", markdown.Code(r.Version))
	var pages []string // what is no file: a tag, a release
	files := 0
	for _, item := range r.Items {
		name := markdown.Code(cut(item.Name))
		if to := linkable(item.URL); to != "" {
			name = fmt.Sprintf("[%s](%s)", markdown.Text(cut(item.Name)), to)
		} else if item.URL != "" {
			name += " at " + markdown.Code(cut(item.URL))
		}
		if item.SHA256 == "" && item.Digest == "" && item.Size == 0 {
			pages = append(pages, name)
			continue
		}
		size := ""
		if item.Size > 0 {
			size = fmt.Sprint(item.Size)
		}
		if files++; files <= maxItems {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", name, markdown.Code(cmp.Or(item.SHA256, item.Digest, "-")), size)
		}
	}
	if files > maxItems {
		fmt.Fprintf(&b, "\n…and %s.\n", markdown.Count(files-maxItems, "more file"))
	}
	if len(pages) > 0 {
		fmt.Fprintf(&b, "\n**At GitHub:** %s\n", strings.Join(pages, ", "))
	}
	return b.String() + "\n"
}

// linkable is an address as it may stand between the brackets of a link in a
// table, or "".
func linkable(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "https" || u.User != nil {
		return ""
	}
	return strings.NewReplacer("(", "%28", ")", "%29", "|", "%7C", "<", "%3C", ">", "%3E", " ", "%20", "\\", "%5C").Replace(u.String())
}

// files is the table of what a test left.
func files(j checks.Job, base string) string {
	all := j.Result.Artifacts
	if len(all) == 0 {
		return ""
	}
	id := j.ID()
	if j.CarriedFrom != "" {
		id.Run = j.CarriedFrom
	}
	var b strings.Builder
	b.WriteString("| File | Kind | SHA-256 | Bytes |\n| --- | --- | --- | ---: |\n")
	for _, a := range all[:min(len(all), maxArtifacts)] {
		fmt.Fprintf(&b, "| [%s](%s) | %s | %s | %d |\n", markdown.Text(cut(a.Name)), FileURL(base, id, a.Name), a.Kind, markdown.Code(a.SHA256[:min(12, len(a.SHA256))]), a.Size)
	}
	if more := len(all) - maxArtifacts; more > 0 {
		fmt.Fprintf(&b, "\n[%s](%s) on the job's page.\n", markdown.Count(more, "more file"), JobURL(base, id))
	}
	return b.String() + "\n"
}
