package configs

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const someRegistries = `
publish: {storage: {type: file, path: /srv/artifacts}}
registries:
  docker-main: {type: oci, url: "HTTPS://Registry.Example.com:443/acme/", repositories: "acme/pets, Acme/Docs", packages: [pet_api, "web-*"]}
  docker-b: {type: oci, url: "https://b.example.com", repositories: ["acme/*"], packages: ["web-*", other]}
  hub: {type: oci, url: "https://index.docker.io/acme", repositories: [globex/x]}
  wheels: {type: pypi, url: "https://pypi.example.com/root/", repositories: ["acme/*"]}
  jars-old: {type: s3, bucket: jars, prefix: old, repositories: ["acme/*"]}
  jars: {type: s3, bucket: jars, prefix: /new/, repositories: ["acme/*"]}
`

func TestRegistryFor(t *testing.T) {
	c := load(t, write(t, "loktar.yml", someRegistries), enough(t))
	var wg sync.WaitGroup
	for _, q := range []struct{ repo, pkg, kind, named, want string }{
		{"acme/pets", "pet_api", "oci", "", "docker-main"},
		{"ACME/PETS", "Pet-API", "oci", "", "docker-main"},
		{"acme/docs", "web-front", "oci", "registry.example.com/acme", "docker-main"},
		{"acme/pets", "web-front", "oci", "docker-b", "docker-b"},
		{"acme/pets", "web-front", "oci", "http://b.example.com:80", "docker-b"},
		{"acme/other", "web-front", "oci", "", "docker-b"},
		{"globex/x", "anything", "oci", "docker.io/acme", "hub"},
		{"globex/x", "anything", "oci", "https://registry-1.docker.io/acme/", "hub"},
		{"acme/x", "lib", "pypi", "", "wheels"},
		{"acme/x", "lib", "pypi", "https://PYPI.example.com/root/+simple/", "wheels"},
		{"acme/x", "lib", "pypi", "https://pypi.example.com/root/simple", "wheels"},
		{"acme/x", "lib", "pypi", "https://pypi.example.com/root", "wheels"},
		{"acme/x", "lib", "s3", "jars-old", "jars-old"},
		{"acme/x", "lib", "s3", "jars", "jars"},
		{"Acme/X", "lib", "file", "", "storage in acme/x"},
		{"globex/x", "lib", "", "", "storage in globex/x"},

		{"acme/pets", "web-front", "oci", "", "Package web-front of acme/pets could go to the registries docker-main and docker-b. Say which in build_info.registry_prefix, by its name or address."},
		{"acme/x", "lib", "s3", "", "Package lib of acme/x could go to the registries jars-old and jars. Say which in build_info.bucket, by its name or address."},
		{"acme/pets", "cat_api", "oci", "", "What is open to acme/pets (docker-main and docker-b) takes no package with the name cat_api. Choose a name that is allowed there (other, pet_api, web-*), or have the server's operator add the name to `packages`."},
		{"initech/x", "lib", "oci", "", "None of the server's registries of type oci takes packages of initech/x: have the server's operator add initech/x to the `repositories` of one."},
		{"initech/x", "lib", "oci", "docker-main", "The registry that build_info.registry_prefix names takes no packages of initech/x. Name another, or have the server's operator add initech/x to its `repositories`."},
		{"acme/x", "web-x", "oci", "docker-c", "build_info.registry_prefix names \"docker-c\", which is no registry of type oci of the server; did you mean `docker-b`?"},
		{"acme/x", "web-x", "oci", "registry.example.com/acme/pets", `build_info.registry_prefix names "registry.example.com/acme/pets", which is no registry of type oci of the server; write one of docker-b.`},
		{"initech/x", "web-x", "oci", "b", `build_info.registry_prefix names "b", which is no registry of type oci of the server; the server has none for this package.`},
		{"acme/x", "lib", "oci", "wheels", "The registry wheels, which build_info names, has type pypi, and the package needs one of type oci. Name another in build_info.registry_prefix."},
		{"acme/x", "lib", "quay", "", "The server cannot publish to a registry of type \"quay\"; it knows oci, pypi, s3, file."},
		{"acme/x", "lib", "pipy", "", "The server cannot publish to a registry of type \"pipy\"; did you mean `pypi`?"},
		{"acme/x", "lib", "file", "shelf", "The server has no registry of type file: have the server's operator add one to `registries` in its configuration, with acme/x among its `repositories`, or `publish.storage` of that type."},
		{"acme/*", "lib", "", "", `"acme/*" is not the name of a repository.`},
		{"acme/..", "lib", "", "", `"acme/.." is not the name of a repository.`},
		{"acme/x", "../x", "", "", `"../x" is not the name of a package.`},
		{"acme/x", "*", "pypi", "", `"*" is not the name of a package.`},
	} {
		wg.Go(func() {
			owner, repo, _ := strings.Cut(q.repo, "/")
			r, err := c.RegistryFor(owner, repo, q.pkg, q.kind, q.named)
			got := r.Name
			if got == "" && err == nil {
				got = "storage in " + r.Folder
			}
			if err != nil {
				got = err.Error()
				var re *RegistryError
				if !errors.As(err, &re) || !cmp.Equal(r, Registry{}, cmpopts.IgnoreUnexported(Registry{})) {
					t.Errorf("%+v: %T with %+v", q, err, r)
				}
			}
			if got != q.want {
				t.Errorf("%s %s %s %q:\n got %s\nwant %s", q.repo, q.pkg, q.kind, q.named, got, q.want)
			}
		})
	}
	wg.Wait()
	if c.Publish.Storage.Folder != "" {
		t.Error("the storage itself has a repository's folder")
	}
}

func TestRegistriesAsLoaded(t *testing.T) {
	c := load(t, write(t, "loktar.yml", someRegistries), enough(t))
	want := []Registry{
		{Name: "docker-main", Type: "oci", URL: "https://registry.example.com:443/acme", Repositories: []string{"acme/pets", "Acme/Docs"}, Packages: []string{"pet_api", "web-*"}},
		{Name: "docker-b", Type: "oci", URL: "https://b.example.com", Repositories: []string{"acme/*"}, Packages: []string{"web-*", "other"}},
		{Name: "hub", Type: "oci", URL: "https://index.docker.io/acme", Repositories: []string{"globex/x"}, Packages: []string{"*"}},
		{Name: "wheels", Type: "pypi", URL: "https://pypi.example.com/root/", Repositories: []string{"acme/*"}, Packages: []string{"*"}},
		{Name: "jars-old", Type: "s3", S3: S3{Bucket: "jars", Prefix: "old"}, Repositories: []string{"acme/*"}, Packages: []string{"*"}},
		{Name: "jars", Type: "s3", S3: S3{Bucket: "jars", Prefix: "new"}, Repositories: []string{"acme/*"}, Packages: []string{"*"}},
	}
	if diff := cmp.Diff(want, c.Registries, cmpopts.IgnoreUnexported(Registry{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestNothingToPublish: a configuration without registries is as before, and
// says what is missing when somebody asks.
func TestNothingToPublish(t *testing.T) {
	for _, text := range []string{"listen: :1\n", "publish:\nregistries:\n", "publish: {storage: }\nregistries: {}\n", "publish: {}\n"} {
		c := load(t, write(t, "loktar.yml", text), enough(t))
		if c.Publish.Storage != nil || c.Registries != nil || len(c.Warnings()) != 0 {
			t.Errorf("%q has %+v and %+v", text, c.Publish, c.Registries)
		}
		for kind, want := range map[string]string{
			"":     "The server has no storage for artifacts. Its operator sets `publish.storage` in its configuration.",
			"pypi": "The server has no registry of type pypi: have the server's operator add one to `registries` in its configuration, with acme/pets among its `repositories`.",
		} {
			if _, err := c.RegistryFor("acme", "pets", "lib", kind, ""); err == nil || err.Error() != want {
				t.Errorf("%q of %q: %v", kind, text, err)
			}
		}
	}
}
