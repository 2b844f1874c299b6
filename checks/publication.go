package checks

import "time"

// PublicationState is how far a publication got.
type PublicationState string

// The states of a publication.
const (
	// PublicationReserved: its version is taken and nothing is known of the
	// registry. It stays so until it is published; what is there may be looked
	// up in the registry.
	PublicationReserved PublicationState = "reserved"
	// PublicationGivenUp: somebody else has the version in the registry. Its
	// number is not used again, and its state is to get another.
	PublicationGivenUp PublicationState = "given up"
	// PublicationDone: the registry has it.
	PublicationDone PublicationState = "done"
)

// Publication is one version of a package: what was published, or is owed.
type Publication struct {
	Repo    int64  `json:"repo"` // the repository's id
	Package string `json:"package"`
	// Key is the hash of all that it is made of: the same again is the same
	// publication.
	Key     string `json:"key"`
	Version string `json:"version"`
	// Number is the version as a whole number; 0 when it is none.
	Number int64            `json:"number,omitempty"`
	State  PublicationState `json:"state"`
	Commit string           `json:"commit"` // the commit that it was built from
	Run    string           `json:"run"`    // the run that reserved it
	Items  []PublishedItem  `json:"items,omitempty"`
	// Reserved is when its version was taken, Done when the registry had it.
	Reserved time.Time `json:"reserved"`
	Done     time.Time `json:"done,omitzero"`
}

// PublishedItem is a file or an image in a registry.
type PublishedItem struct {
	Name   string `json:"name"`
	URL    string `json:"url,omitempty"`
	Digest string `json:"digest,omitempty"` // of an image
	SHA256 string `json:"sha256,omitempty"` // of a file, in hexadecimal digits
	Size   int64  `json:"size,omitempty"`
}

// Release is what a job publishes: a package in the state that Key says.
type Release struct {
	Package string `json:"package"`
	Key     string `json:"key"`
	// Branch, when not empty, is that of the pull request whose build to try
	// this is: it has no place among the versions, and the next one of the
	// branch replaces it.
	Branch string `json:"branch,omitempty"`
	// Nested are the folders of other packages in the package's own, none in
	// another of them. They are known only where the notes of a release are
	// to leave out what happened there.
	Nested []string `json:"nested,omitempty"`
}

// ReleaseName is the name of the job, and so of the check run, that publishes
// a package. No package can bear it.
func ReleaseName(pkg string) string { return pkg + " / publish" }

// Releases is what planning knows of the packages that are published.
type Releases struct {
	// Keys are the keys of those packages in the tree to test, by name.
	Keys map[string]string
	// Last are the keys that they were last published with; a package that
	// never was is not in it.
	Last map[string]string
	// Tried are the packages of which a pull request publishes a build to try;
	// the rest of this is for pushes then.
	Tried map[string]bool
	// Refused says why a package that would be published has no registry, in
	// a sentence.
	Refused map[string]string
}
