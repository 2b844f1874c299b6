package checks

// Permission is what a person may do in a repository, in GitHub's basic roles:
// maintain counts as write, triage as read. The zero value is none.
type Permission string

// The permissions, each of which includes the one before.
const (
	PermissionNone  Permission = "none"
	PermissionRead  Permission = "read"
	PermissionWrite Permission = "write"
	PermissionAdmin Permission = "admin"
)

// CanWrite reports whether the person may push to the repository.
func (p Permission) CanWrite() bool { return p == PermissionWrite || p == PermissionAdmin }
