package checks

import (
	"maps"
	"slices"
)

// SameEntry reports whether a and b mean the same, as entries of loktar.json.
// How the entries were written does not count: nil and empty are equal, and so
// are lists whose order means nothing (depends_on, dependencies_type,
// exclude_dependencies_only_on_keywords, secrets).
func SameEntry(a, b Package) bool {
	return a.Name == b.Name && a.Dir == b.Dir &&
		a.PkgType == b.PkgType && a.TestType == b.TestType && a.Type == b.Type &&
		a.Image == b.Image && slices.Equal(a.Commands, b.Commands) && slices.Equal(a.Clean, b.Clean) &&
		sameSet(a.DependsOn, b.DependsOn) && sameSet(a.DependenciesType, b.DependenciesType) &&
		sameSet(a.ExcludeKeywords, b.ExcludeKeywords) && slices.Equal(a.Inputs, b.Inputs) &&
		maps.Equal(a.Env, b.Env) && sameSet(a.Secrets, b.Secrets) &&
		maps.EqualFunc(a.Services, b.Services, sameService) &&
		a.Timeout == b.Timeout && a.Retries == b.Retries && a.RetryFailures == b.RetryFailures &&
		a.Resources == b.Resources && a.Network == b.Network &&
		slices.EqualFunc(a.Cache, b.Cache, sameCache) && a.Reuse == b.Reuse &&
		a.Sandbox == b.Sandbox && a.Required == b.Required && a.Git == b.Git &&
		a.Concurrency == b.Concurrency && slices.Equal(a.Artifacts, b.Artifacts) &&
		slices.Equal(a.Reports, b.Reports) && sameBuildInfo(a.BuildInfo, b.BuildInfo)
}

func sameService(a, b Service) bool {
	return a.Image == b.Image && maps.Equal(a.Env, b.Env) &&
		slices.Equal(a.Ports, b.Ports) && a.Ready == b.Ready
}

func sameCache(a, b Cache) bool {
	return a.Key == b.Key && slices.Equal(a.Paths, b.Paths)
}

func sameBuildInfo(a, b BuildInfo) bool {
	return a.BuildType == b.BuildType && a.RegistryType == b.RegistryType &&
		a.StorageType == b.StorageType && a.RegistryPrefix == b.RegistryPrefix &&
		maps.Equal(a.BuildArgs, b.BuildArgs) && slices.Equal(a.ExtraVersions, b.ExtraVersions) &&
		a.Index == b.Index && a.Repository == b.Repository && a.CodeName == b.CodeName &&
		a.Component == b.Component && a.Bucket == b.Bucket && a.Prefix == b.Prefix &&
		a.Registry == b.Registry && a.Access == b.Access && a.Version == b.Version
}

func sameSet(a, b []string) bool {
	if len(a) != len(b) || slices.Equal(a, b) {
		return len(a) == len(b)
	}
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
