package checks

import (
	"errors"
	"fmt"
	"maps"
	"slices"
)

// Cause is what ended a job, where its Outcome alone does not say it. It is
// kept in the store and never renamed. The empty cause is the usual one of the
// outcome, as of a failed job that its steps exited with other than zero.
type Cause string

// The causes of a verdict.
const (
	// CauseMemory: a process was killed for want of memory.
	CauseMemory Cause = "out_of_memory"
	// CauseDiskLimit: the job wrote more to disk than it may.
	CauseDiskLimit Cause = "disk_limit"
	// CauseLogLimit: it printed more than it may.
	CauseLogLimit Cause = "log_limit"
	// CauseSignal: a signal killed its step, the exit code says which.
	CauseSignal Cause = "killed_by_signal"
	// CauseEntry: what its entry or folder holds cannot be run by anyone.
	CauseEntry Cause = "bad_entry"
	// CauseService: a service that it needs did not become ready, or died.
	CauseService Cause = "service"
	// CauseFlaky: it passed, and an earlier attempt at the same had failed.
	CauseFlaky Cause = "flaky"
)

// The causes of a fault of ours.
const (
	CauseDiskFull Cause = "disk_full"
	// CauseImageMissing: the engine does not have the image, and may not pull it.
	CauseImageMissing Cause = "image_missing"
	// CauseImageUnknown: its registry does not have it.
	CauseImageUnknown Cause = "image_unknown"
	// CauseImageUnpullable: its registry does not answer, or not as it should.
	CauseImageUnpullable Cause = "image_unpullable"
	// CauseImageLogin: its registry wants other credentials than the server's.
	CauseImageLogin Cause = "image_login"
	// CauseImageRefused: runner.images does not allow it.
	CauseImageRefused Cause = "image_refused"
	CauseImageName    Cause = "image_name"
	// CauseImageShell: it has no shell.
	CauseImageShell Cause = "image_no_shell"
	// CauseImageMachine: it is for machines of another kind.
	CauseImageMachine Cause = "image_other_machine"
	// CauseImageRemoved: it was there when its run began.
	CauseImageRemoved Cause = "image_removed"
	// CauseEngine: the container engine answered, and did not do it.
	CauseEngine Cause = "engine_refused"
	// CauseEngineLost: it does not answer, or what it ran is gone.
	CauseEngineLost Cause = "engine_lost"
	// CauseMount: the engine cannot mount the job's files.
	CauseMount Cause = "files_unmountable"
	// CauseCache: the image has something where a cache is to be.
	CauseCache Cause = "cache_unmountable"
	// CauseLog: the job's log could not be written.
	CauseLog Cause = "log_unwritable"
	// CauseSecret: a secret that the package names is not to be had.
	CauseSecret Cause = "secret"
	// CauseFiles: files of the package are kept where Loktar fetches none.
	CauseFiles Cause = "files_not_fetched"
	// CauseAway: something outside that one job needs does not answer.
	CauseAway Cause = "away"
)

// The causes of a stop.
const (
	// CausePerson: somebody asked for it; Result.By says who.
	CausePerson      Cause = "person"
	CauseClosed      Cause = "pull_request_closed"
	CauseBranchGone  Cause = "branch_deleted"
	CauseTagGone     Cause = "tag_deleted"
	CauseGroupGone   Cause = "group_given_up"
	CauseGroupMerged Cause = "group_merged"
	// CauseLost: Loktar may not act on the repository any more.
	CauseLost     Cause = "repository_lost"
	CauseNewer    Cause = "newer_run"
	CauseShutdown Cause = "shutdown"
)

// Party is who can mend a fault of ours.
type Party int

// The parties.
const (
	// Operator runs the server.
	Operator Party = iota
	// Owner writes the repository's loktar.json.
	Owner
)

// causes say what is to be known about each cause.
var causes = map[Cause]struct {
	// words follow "Stopped:" or "Not run:", or stand alone.
	words string
	kind  Kind // of a fault
	party Party
	// passing: the same may go well a little later, with nobody's help.
	passing bool
}{
	CauseMemory:    {words: "ran out of memory"},
	CauseDiskLimit: {words: "wrote more to disk than it may"},
	CauseLogLimit:  {words: "printed more than it may"},
	CauseSignal:    {words: "killed by a signal"},
	CauseEntry:     {words: "cannot be run as loktar.json says"},
	CauseService:   {words: "a service was not there"},
	CauseFlaky:     {words: "passed, flaky"},

	CauseDiskFull:        {words: "the server's disk is full", kind: KindConfig, passing: true},
	CauseImageMissing:    {words: "the image is missing", kind: KindConfig},
	CauseImageUnknown:    {words: "the image does not exist", kind: KindConfig, party: Owner},
	CauseImageUnpullable: {words: "the image could not be pulled", kind: KindConfig, passing: true},
	CauseImageLogin:      {words: "the image takes another login", kind: KindConfig},
	CauseImageRefused:    {words: "the image is not allowed here", kind: KindConfig, party: Owner},
	CauseImageName:       {words: "the image has no valid name", kind: KindConfig, party: Owner},
	CauseImageShell:      {words: "the image has no shell", kind: KindConfig, party: Owner},
	CauseImageMachine:    {words: "the image is for another kind of machine", kind: KindConfig, party: Owner},
	CauseImageRemoved:    {words: "the image was removed meanwhile", kind: KindConfig},
	CauseEngine:          {words: "the container engine refused it", kind: KindInternal, passing: true},
	CauseEngineLost:      {words: "the container engine was lost", kind: KindUnavailable},
	CauseMount:           {words: "its files could not be mounted", kind: KindConfig},
	CauseCache:           {words: "a cache cannot be where it is to be", kind: KindConfig, party: Owner},
	CauseLog:             {words: "its log could not be written", kind: KindConfig, passing: true},
	CauseSecret:          {words: "a secret is missing", kind: KindConfig},
	CauseFiles:           {words: "some of its files are not fetched", kind: KindConfig, party: Owner},
	CauseAway:            {words: "what it needs does not answer", kind: KindAway},

	CausePerson:      {words: "somebody cancelled it"},
	CauseClosed:      {words: "the pull request was closed"},
	CauseBranchGone:  {words: "the branch was deleted"},
	CauseTagGone:     {words: "the tag was deleted"},
	CauseGroupGone:   {words: "the merge queue gave this group up"},
	CauseGroupMerged: {words: "the merge queue merged this group"},
	CauseLost:        {words: "Loktar may not act here any more"},
	CauseNewer:       {words: "a newer run took its place"},
	CauseShutdown:    {words: "the server was shut down"},
}

// Causes are all causes, sorted.
func Causes() []Cause { return slices.Sorted(maps.Keys(causes)) }

// Words say the cause in a few words that begin with a small letter. They are
// empty for none, and for one of another version.
func (c Cause) Words() string { return causes[c].words }

// Mends is who can mend a fault of that cause.
func (c Cause) Mends() Party { return causes[c].party }

// Causef makes an error for a fault of ours: the cause, and with it the kind.
// The rest is as of Errorf.
func Causef(c Cause, err error, format string, args ...any) error {
	return &Error{Kind: causes[c].kind, Cause: c, Public: fmt.Sprintf(format, args...), Err: err}
}

// CauseOf is the cause that is outermost in err's chain.
func CauseOf(err error) Cause {
	for e := (*Error)(nil); errors.As(err, &e); err = e.Err {
		if e.Cause != "" {
			return e.Cause
		}
	}
	return ""
}

// Passing reports whether the same may go well a little later, although nobody
// mends anything. What is not there now at all, as of KindUnavailable, is
// waited for in another way and not meant.
func Passing(err error) bool {
	if c := CauseOf(err); c != "" {
		return causes[c].passing
	}
	return KindOf(err) == KindInternal
}
