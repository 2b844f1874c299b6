package minihub

import "time"

// What GitHub takes in a check run. The bounds are from its OpenAPI
// description and its documentation of check runs.
const (
	maxText        = 65_535    // characters of summary and of text
	maxAnnotations = 50        // in one request
	maxMessage     = 64 * 1024 // bytes of an annotation's message and raw_details
	maxTitle       = 255       // characters of an annotation's title
	maxActions     = 3
)

var conclusions = []string{"action_required", "cancelled", "failure", "neutral", "success", "skipped", "timed_out"}

// runInput is a valid POST or PATCH of a check run. Members that were not
// given are nil or empty.
type runInput struct {
	name, headSHA          string
	detailsURL, externalID *string
	status, conclusion     string
	started, completed     time.Time
	output                 bool
	title, summary         string
	text                   *string
	annotations            []Annotation
	actions                []Action
	actionsGiven           bool
}

// readRun checks the body of a POST (create) or a PATCH of a check run.
func readRun(m map[string]any, create bool) (runInput, error) {
	f, in := newFields(m), runInput{}
	if create {
		f.require("name", "head_sha")
	}
	in.name = f.filled("name", 0)
	in.headSHA = f.str("head_sha", 0)
	in.detailsURL = optional(f, "details_url", f.httpURL("details_url"))
	in.externalID = optional(f, "external_id", f.str("external_id", 0))
	in.status = f.oneOf("status", "queued", "in_progress", "completed")
	in.conclusion = f.oneOf("conclusion", conclusions...)
	in.started, in.completed = f.time("started_at"), f.time("completed_at")
	switch {
	case in.status == "completed" && in.conclusion == "" && !f.has("conclusion"):
		f.bad("No subschema in \"anyOf\" matched. \"conclusion\" wasn't supplied: a completed check run needs one.")
	case f.has("completed_at") && !f.has("conclusion"):
		f.bad("\"conclusion\" wasn't supplied: completed_at needs one.")
	case in.conclusion != "":
		in.status = "completed"
	}
	if out, ok := f.object("output"); ok {
		in.readOutput(out)
	}
	for _, a := range f.objects("actions", maxActions) {
		a.require("label", "description", "identifier")
		in.actions = append(in.actions, Action{a.filled("label", 20), a.filled("description", 40), a.filled("identifier", 20)})
	}
	in.actionsGiven = f.has("actions")
	return in, f.err()
}

func optional(f fields, name, value string) *string {
	if !f.has(name) {
		return nil
	}
	return &value
}

func (in *runInput) readOutput(out fields) {
	in.output = true
	out.require("title", "summary")
	in.title, in.summary = out.filled("title", 0), out.filled("summary", maxText)
	in.text = optional(out, "text", out.str("text", maxText))
	for _, a := range out.objects("annotations", maxAnnotations) {
		in.annotations = append(in.annotations, readAnnotation(a))
	}
	for _, i := range out.objects("images", 0) {
		i.require("alt", "image_url")
		i.str("alt", 0)
		i.httpURL("image_url")
		i.str("caption", 0)
	}
}

func readAnnotation(a fields) Annotation {
	a.require("path", "start_line", "end_line", "annotation_level", "message")
	n := Annotation{
		Path: a.filled("path", 0), StartLine: a.integer("start_line"), EndLine: a.integer("end_line"),
		StartColumn: a.integer("start_column"), EndColumn: a.integer("end_column"),
		Level: a.oneOf("annotation_level", "notice", "warning", "failure"), Title: a.str("title", maxTitle),
		Message: a.bytes("message", maxMessage), RawDetails: a.bytes("raw_details", maxMessage),
	}
	if n.Message == "" && a.has("message") {
		a.badField("message", "it is empty")
	}
	if a.has("start_line") && n.StartLine < 1 {
		a.badField("start_line", "%d is less than 1", n.StartLine)
	}
	if n.EndLine < n.StartLine {
		a.badField("end_line", "%d comes before start_line", n.EndLine)
	}
	columns := a.has("start_column") || a.has("end_column")
	switch {
	case columns && n.StartLine != n.EndLine:
		a.badField("start_column", "columns are only allowed when start_line and end_line are the same")
	case a.has("start_column") && n.StartColumn < 1 || a.has("end_column") && n.EndColumn < 1:
		a.badField("start_column", "columns start at 1")
	case a.has("end_column") && n.EndColumn < n.StartColumn:
		a.badField("end_column", "%d comes before start_column", n.EndColumn)
	}
	return n
}
