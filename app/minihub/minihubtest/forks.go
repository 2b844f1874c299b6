package minihubtest

import "github.com/getkin/kin-openapi/openapi3"

// letForksGo lets a pull request's head.repo be null everywhere, as it is once
// the fork was deleted. GitHub's description says so in some places only:
// https://github.com/github/rest-api-description/issues/1811.
func letForksGo(doc *openapi3.T) {
	for _, s := range doc.Components.Schemas {
		letForkGo(s)
		for _, one := range s.Value.OneOf {
			letForkGo(one.Value.Properties["pull_request"])
		}
		letForkGo(s.Value.Properties["pull_request"])
	}
}

func letForkGo(s *openapi3.SchemaRef) {
	if s == nil || s.Value.Properties["head"] == nil {
		return
	}
	props := s.Value.Properties["head"].Value.Properties
	if props["repo"] == nil {
		return
	}
	repo := *props["repo"].Value // a copy: elsewhere it is never null
	repo.Nullable = true
	props["repo"] = openapi3.NewSchemaRef("", &repo)
}
