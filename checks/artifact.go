package checks

// ArtifactKind says what a file that a job left is for.
type ArtifactKind string

// The kinds of artifacts.
const (
	// KindArtifact: what `artifacts` of the package names.
	KindArtifact ArtifactKind = "artifact"
	// KindReport: what `reports` does, whether or not `artifacts` names it too.
	KindReport ArtifactKind = "report"
)

// Artifact is a file that a job's steps left and that is kept for people.
type Artifact struct {
	// Name is slash-separated, clean and relative to the package's folder. The
	// job's author chose it.
	Name   string       `json:"name"`
	Kind   ArtifactKind `json:"kind"`
	SHA256 string       `json:"sha256"` // of its content, in hexadecimal digits
	Size   int64        `json:"size"`
}
