package docker

import (
	"strings"

	"github.com/distribution/reference"

	"github.com/dudesons/loktar/checks"
)

// imageOf checks and completes the name of the image that a task asks for; ""
// is the sandbox's own, which needs no leave.
func (s *Sandbox) imageOf(asked string) (reference.Named, error) {
	name := asked
	if name == "" {
		name = s.o.Image
	}
	ref, err := reference.ParseDockerRef(name)
	if err != nil {
		return nil, checks.Causef(checks.CauseImageName, err,
			"%q is not the name of an image. Correct `image` in %s, or runner.image of the server.", short(name), checks.ManifestFile)
	}
	if asked == "" || s.o.Images == nil {
		return ref, nil
	}
	if own, err := reference.ParseDockerRef(s.o.Image); err == nil && own.String() == ref.String() {
		return ref, nil
	}
	for _, pattern := range s.o.Images {
		if allows(pattern, ref) {
			return ref, nil
		}
	}
	return nil, s.inWords(ref, checks.Causef(checks.CauseImageRefused, nil,
		"The image %s is not allowed on this server: nothing in runner.images of its configuration matches it. Name another `image` in %s, or have the server's operator add it there.",
		short(reference.FamiliarString(ref)), checks.ManifestFile), false)
}

// allows reports whether pattern means ref. In a pattern "*" stands for any
// characters. A name without a host is one of Docker Hub, as in `docker pull`;
// without a tag or digest it means all of them. A pattern that begins with "*"
// means any host.
func allows(pattern string, ref reference.Named) bool {
	first, rest, hasRest := strings.Cut(pattern, "/")
	switch {
	case strings.HasPrefix(pattern, "*"):
	case !hasRest:
		pattern = "docker.io/library/" + pattern
	case !strings.ContainsAny(first, ".:") && first != "localhost":
		pattern = "docker.io/" + pattern
	case first == "index.docker.io":
		pattern = "docker.io/" + rest
	}
	text := ref.Name()
	if last := pattern[strings.LastIndexByte(pattern, '/')+1:]; strings.ContainsAny(last, ":@") {
		text = ref.String()
	}
	return matches(pattern, text)
}

// matches reports whether text is one that pattern means, in which "*" stands
// for any characters. It takes time in proportion to both together, multiplied.
func matches(pattern, text string) bool {
	star, from := -1, 0 // the last "*" seen, and where in text it was
	p, t := 0, 0
	for t < len(text) {
		switch {
		case p < len(pattern) && pattern[p] == '*':
			star, from = p, t
			p++
		case p < len(pattern) && pattern[p] == text[t]:
			p, t = p+1, t+1
		case star >= 0:
			from++
			p, t = star+1, from
		default:
			return false
		}
	}
	return strings.Trim(pattern[p:], "*") == ""
}
