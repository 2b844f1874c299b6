package checks

import (
	"maps"
	"slices"
	"strings"
)

// SameEntry reports whether a and b mean the same, as entries of loktar.json.
// How the entries were written does not count: nil and empty are equal, and
// but for Commands and Clean, which run in their order, the order of a list
// means nothing.
func SameEntry(a, b Package) bool {
	return a.Name == b.Name && a.Dir == b.Dir &&
		a.PkgType == b.PkgType && a.TestType == b.TestType && a.Type == b.Type &&
		a.Image == b.Image && slices.Equal(a.Commands, b.Commands) && slices.Equal(a.Clean, b.Clean) &&
		sameSet(a.DependsOn, b.DependsOn) && sameSet(a.DependenciesType, b.DependenciesType) &&
		sameSet(a.ExcludeKeywords, b.ExcludeKeywords) && sameSet(a.Inputs, b.Inputs) &&
		maps.Equal(a.Env, b.Env) && sameSet(a.Secrets, b.Secrets) &&
		maps.EqualFunc(a.Services, b.Services, sameService) &&
		a.Timeout == b.Timeout && a.Retries == b.Retries && a.RetryFailures == b.RetryFailures &&
		a.Resources == b.Resources && a.Network == b.Network &&
		sameCaches(a.Cache, b.Cache) && a.Reuse == b.Reuse &&
		a.Sandbox == b.Sandbox && a.Required == b.Required && a.Git == b.Git &&
		a.Concurrency == b.Concurrency && sameSet(a.Artifacts, b.Artifacts) &&
		sameSet(a.Reports, b.Reports) && sameBuildInfo(a.BuildInfo, b.BuildInfo)
}

func sameService(a, b Service) bool {
	return a.Image == b.Image && maps.Equal(a.Env, b.Env) && sameSet(a.Ports, b.Ports) && a.Ready == b.Ready
}

func sameCaches(a, b []Cache) bool {
	byKey := func(a, b Cache) int { return strings.Compare(a.Key, b.Key) }
	a, b = slices.SortedStableFunc(slices.Values(a), byKey), slices.SortedStableFunc(slices.Values(b), byKey)
	return slices.EqualFunc(a, b, func(a, b Cache) bool { return a.Key == b.Key && sameSet(a.Paths, b.Paths) })
}

func sameBuildInfo(a, b BuildInfo) bool {
	return a.BuildType == b.BuildType && a.RegistryType == b.RegistryType &&
		a.StorageType == b.StorageType && a.RegistryPrefix == b.RegistryPrefix &&
		maps.Equal(a.BuildArgs, b.BuildArgs) && sameSet(a.ExtraVersions, b.ExtraVersions) &&
		a.Index == b.Index && a.Repository == b.Repository && a.CodeName == b.CodeName &&
		a.Component == b.Component && a.Bucket == b.Bucket && a.Prefix == b.Prefix &&
		a.Registry == b.Registry && a.Access == b.Access && a.Version == b.Version &&
		a.GitTag == b.GitTag && a.GitHubRelease == b.GitHubRelease
}

// sameSet compares lists without regard to order and repetition.
func sameSet[T string | int](a, b []T) bool {
	return slices.Equal(a, b) || slices.Equal(
		slices.Compact(slices.Sorted(slices.Values(a))), slices.Compact(slices.Sorted(slices.Values(b))))
}
