package checks

import "fmt"

// ReasonKind says why a package is in a plan.
type ReasonKind string

// The kinds of reason.
const (
	ReasonFile       ReasonKind = "file"       // a file that it owns changed
	ReasonInput      ReasonKind = "input"      // a file that matches its inputs changed
	ReasonGlobal     ReasonKind = "global"     // a file that matches global_inputs changed
	ReasonEntry      ReasonKind = "entry"      // its entry in loktar.json changed
	ReasonDependency ReasonKind = "dependency" // it depends on an affected package
	ReasonRemoved    ReasonKind = "removed"    // it depended on a package that is no longer listed
	ReasonLost       ReasonKind = "lost"       // a file of its names a package that is no longer found by that
	ReasonGained     ReasonKind = "gained"     // a file of its names a package that was not found by that before
	ReasonLink       ReasonKind = "link"       // what a symbolic link of its leads to changed
	ReasonUnread     ReasonKind = "unread"     // a file that tells its dependencies could not be read
	ReasonEverything ReasonKind = "everything" // all packages count as affected
	ReasonRerun      ReasonKind = "rerun"      // somebody asked for it
	ReasonOwed       ReasonKind = "owed"       // what was published last is of another state
	ReasonNeeded     ReasonKind = "needed"     // a package of the plan needs it
)

// Reason is one cause of a package's being affected.
type Reason struct {
	Kind ReasonKind `json:"kind"`
	// Subject is the changed file (file: below Dir; input, global, link: from
	// the root), the package depended on (dependency, removed, lost, gained) or that needs it (needed), the login of
	// who asked (rerun; "" is the person at the terminal), or what is wrong (everything, unread).
	Subject string `json:"subject,omitempty"`
	// Dir is the package's folder, for ReasonFile; for ReasonLink it is what
	// the link leads to.
	Dir string `json:"dir,omitempty"`
	// File and Line are where an inferred dependency was read (dependency; ""
	// for a declared one; lost, gained) or could not be (unread). For ReasonLink File is the
	// link. Line is 0 where the whole file is meant.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// More counts further files or packages of the same kind that are not
	// listed.
	More int `json:"more,omitempty"`
}

// String is the reason as its reader sees it, without markup. Subject is
// hostile text; who prints it escapes it.
func (r Reason) String() string {
	more := ""
	if r.More > 0 {
		more = fmt.Sprintf(" and %d more", r.More)
	}
	switch r.Kind {
	case ReasonFile:
		if r.Dir == "." {
			return "the root folder changed: " + r.Subject + more
		}
		return r.Dir + " changed: " + r.Subject + more
	case ReasonInput:
		return "input changed: " + r.Subject + more
	case ReasonGlobal:
		return "global input changed: " + r.Subject + more
	case ReasonEntry:
		return "its entry in " + ManifestFile + " changed"
	case ReasonDependency:
		if r.File != "" {
			return "depends on " + r.Subject + " (" + r.place() + ")" + more
		}
		return "depends on " + r.Subject + more
	case ReasonRemoved:
		return "depended on " + r.Subject + more + ", no longer listed"
	case ReasonLost:
		return "depended on " + r.Subject + " (" + r.place() + ")" + more + ", which is not found by that any more"
	case ReasonGained:
		return "newly depends on " + r.Subject + " (" + r.place() + ")" + more
	case ReasonLink:
		leads := r.File + " links to " + r.Dir + ", which changed"
		if r.Dir == r.Subject && r.More == 0 {
			return leads
		}
		return leads + ": " + r.Subject + more
	case ReasonUnread:
		return "its dependencies could not be read: " + r.place() + ": " + r.Subject + more
	case ReasonEverything:
		return "everything is affected: " + r.Subject
	case ReasonNeeded:
		if r.More > 0 {
			return r.Subject + more + " depend on it"
		}
		return r.Subject + " depends on it"
	case ReasonOwed:
		return "this state of it is not published"
	case ReasonRerun:
		if r.Subject == "" {
			return "asked for"
		}
		return "asked for by " + r.Subject
	}
	return string(r.Kind)
}

func (r Reason) place() string {
	if r.Line > 0 {
		return fmt.Sprintf("%s:%d", r.File, r.Line)
	}
	return r.File
}

// PlannedJob is a package of a plan.
type PlannedJob struct {
	Package Package
	// Needs are the packages of the same plan that must pass first.
	Needs   []string
	Reasons []Reason
	// Carried is the job of an earlier run whose result stands in this one;
	// it is not run again and gets no new check run. Nil for all others.
	Carried *Job
	// Result, when not nil, is how the job ends at once: it is not run.
	Result *Result
	// Required: a merge waits for its check; see Job.Required.
	Required bool
	// Release is set for a job that publishes.
	Release *Release
	// Key is what the package is made of; see Job.Key.
	Key string
}

// Plan is what is to be done about an event.
type Plan struct {
	// Jobs are in dependency order: what a job needs comes before it.
	Jobs []PlannedJob
	// None says why nothing is to be done: no run is made. All else is zero.
	None string
	// Verdict ends the run at once; all jobs have a Result then.
	Verdict *Verdict
	// Approved is who let this commit of a fork run, where that was needed.
	Approved *User
	// Unaffected are the names of the packages that are not in Jobs, sorted.
	Unaffected []string
	// Unowned are changed files that affect no package and that `ignore` does
	// not name, bounded; UnownedCount counts all of them. Ignored counts the
	// files that affect no package because of `ignore`.
	Unowned      []string
	UnownedCount int
	Ignored      int
	// Warnings are plain text in one line each, as hostile as loktar.json.
	Warnings []string
	// Notes tell what a rule of loktar.json kept from running, in the same
	// form. They are for information; nothing is wrong.
	Notes []string
}

// Verdict is the conclusion of a run that runs no job.
// Title is one line; Summary is Markdown that is safe to show as it is.
type Verdict struct {
	Conclusion  Conclusion   `json:"conclusion"`
	Title       string       `json:"title"`
	Summary     string       `json:"summary"`
	Annotations []Annotation `json:"annotations,omitempty"`
	// Offer is a button that would lead on; empty for none.
	Offer ActionID `json:"offer,omitempty"`
}
