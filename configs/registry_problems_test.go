package configs

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRegistryProblems(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"password": "hush\n", "empty": "\n"} {
		overwrite(t, filepath.Join(dir, name), []byte(text))
	}
	for _, c := range []struct {
		name, file string
		environ    []string
		want       []string
	}{
		{name: "forms", file: "registries: [a]\npublish: yes\n", want: []string{
			"FILE:1: registries has to hold registries; write a name with a colon on a line of its own below it, and its keys below that",
			"FILE:2: publish has to hold keys; write `storage:` on a line of its own below it",
		}},
		{name: "near words", file: "registrys: {}\npublsh: {}\npublish: {storages: {type: file}, storage: file}\n", want: []string{
			"FILE:1: registrys is not a key of the configuration; did you mean `registries`?",
			"FILE:2: publsh is not a key of the configuration; did you mean `publish`?",
			"FILE:3: publish.storages is not a key of the configuration; did you mean `storage`?",
			"FILE:3: publish.storage has to hold keys; write below it `type:` and what that type needs",
		}},
		{name: "variables", environ: []string{"LOKTAR_REGISTRIES=x", "LOKTAR_PUBLISH_STORAGE=x"}, want: []string{
			"LOKTAR_REGISTRIES: is not a variable of Loktar; write `registries:` in the configuration file, there is no variable for it",
			"LOKTAR_PUBLISH_STORAGE: is not a variable of Loktar; write `publish:` in the configuration file, there is no variable for it",
		}},
		{name: "inside", file: `registries:
  a:
  b: {}
  c:
    type: ocii
    user_name: u
    password: hush
    repositories: [acme/pets, "*", {a: b}]
    packages: {a: b}
    type: oci
  d:
    type: [oci]
    repositories: []
    packages: ["a b", "web-**", "me:hush@x"]
  d: {type: file, path: /srv/d, repositories: [a/b]}
  https://me:hush@x: {type: oci, url: https://x, repositories: a/b}
`, want: []string{
			"FILE:15: registries.d is there twice; remove one of the two, the other is at FILE:11",
			"FILE:16: registries is not a name; write a short one of letters, digits, `-`, `_` and `.`, and the address below it as `url`",
			"FILE:2: registries.a has to hold keys; write below it `type:` and what that type needs",
			"FILE:3: registries.b.type is not set; write one of oci, pypi, s3, file, pull",
			"FILE:6: registries.c.user_name is not a key of a registry; did you mean `username`?",
			"FILE:7: registries.c.password is not a key of a registry: no secret stands in this file; write one of password_file, password_env, secret_key_file, secret_key_env",
			"FILE:8: registries.c.repositories has to be a list of single values, as [a, b]",
			"FILE:9: registries.c.packages has to be a list, as [a, b]",
			"FILE:10: registries.c.type is there twice; remove one of the two, the other is at FILE:5",
			"FILE:5: registries.c.type \"ocii\" is not a type of registry; did you mean `oci`?",
			"FILE:12: registries.d.type has to be one value; write it on the line of the key",
			"FILE:13: registries.d.repositories is an empty list; write at least one, or remove the registry",
			"FILE:14: registries.d.packages \"a b\" is not the name of a package; write the name, with `*` for any characters, for example web-*",
			"FILE:14: registries.d.packages \"web-**\" has `**`, which is no more than `*`; did you mean `web-*`?",
			"FILE:14: registries.d.packages is not the name of a package; write the name, with `*` for any characters, for example web-*",
		}},
		{name: "types", file: `publish:
  storage: {type: oci, url: https://x}
registries:
  a: {type: oci}
  b: {type: pypi, url: https://x, bucket: b, repositories: "acme/pets, https://github.com/acme/web, **"}
  c: {type: s3, path: /x, repositories: [a/b]}
  d: {type: file, repositories: [a/b]}
`, want: []string{
			"FILE:2: publish.storage.url is not a key of a registry; write one of type, path, endpoint, region, bucket, prefix, path_style, sse, kms_key_id, plain, access_key, secret_key_file, secret_key_env",
			"FILE:2: publish.storage.type \"oci\" is not a type of storage; write one of file, s3",
			"FILE:4: registries.a.url is not set; write the address, for example https://registry.example.com",
			`FILE:4: registries.a.repositories is not set; list who may publish there, for example [acme/pets, "acme/*"]`,
			"FILE:5: registries.b.bucket is not a key of type pypi, which has type, url, username, password_file, password_env, repositories, packages; remove it",
			"FILE:5: registries.b.repositories \"https://github.com/acme/web\" is not OWNER/NAME; did you mean `acme/web`?",
			"FILE:5: registries.b.repositories \"**\" names no owner; write OWNER/NAME or OWNER/*: not everybody may publish",
			"FILE:6: registries.c.path is not a key of type s3, which has type, endpoint, region, bucket, prefix, path_style, sse, kms_key_id, plain, access_key, secret_key_file, secret_key_env, repositories, packages; remove it",
			"FILE:6: registries.c.bucket is not set; write the bucket's name",
			"FILE:7: registries.d.path is not set; write the path of a folder, for example /var/lib/loktar/published",
		}},
		{name: "values", file: `data_dir: /srv/loktar/data
publish: {storage: {type: file, path: /srv/loktar}}
registries:
  a: {type: oci, url: "https://me:hush@x", repositories: [a/b]}
  b: {type: oci, url: "https://x/Acme", repositories: [a/b]}
  c: {type: pypi, url: x, username: "a:b", password_env: P, repositories: [a/b]}
  d: {type: s3, endpoint: "http://a:hush@x", region: EU, bucket: a/b, prefix: a/../b, path_style: yes, sse: AES, kms_key_id: k, plain: 1, repositories: [a/b]}
  e: {type: file, path: /srv/loktar/data, repositories: [a/b]}
  f: {type: s3, bucket: abc, sse: AES256, kms_key_id: k, repositories: [a/b]}
`, environ: []string{"P=hush"}, want: []string{
			"FILE:2: publish.storage.path \"/srv/loktar\" is data_dir or has it inside, where the server keeps other things; write a folder of its own, for example /srv/loktar/data/published",
			"FILE:4: registries.a.url holds a user name or password; remove it",
			"FILE:5: registries.b.url \"https://x/Acme\" has a path that no image can have; write the host, and after it small letters, digits and `/`",
			"FILE:6: registries.c.url \"x\" is not an http or https URL; write for example https://registry.example.com",
			"FILE:6: registries.c.username \"a:b\" is empty, or has a `:` or a control character, which basic authentication cannot send; write the name alone",
			"FILE:7: registries.d.endpoint holds a user name or password; remove it",
			"FILE:7: registries.d.region \"EU\" is not a region; write for example us-east-1",
			"FILE:7: registries.d.bucket \"a/b\" is not the name of a bucket; write it alone, and what stands before all keys as `prefix`",
			"FILE:7: registries.d.prefix \"a/../b\" cannot stand before keys: it takes at most 100 bytes, in names with one `/` between them; write for example ci/artifacts",
			"FILE:7: registries.d.path_style \"yes\" is neither of the two words; write true or false",
			"FILE:7: registries.d.sse \"AES\" is not an encryption; write one of AES256, aws:kms",
			"FILE:7: registries.d.plain \"1\" is neither of the two words; write true or false",
			"FILE:7: registries.d.kms_key_id is for `sse: aws:kms` alone; write that, or remove the key",
			"FILE:8: registries.e.path \"/srv/loktar/data\" is data_dir or has it inside, where the server keeps other things; write a folder of its own, for example /srv/loktar/data/published",
			"FILE:9: registries.f.kms_key_id is for `sse: aws:kms` alone; write that, or remove the key",
		}},
		{name: "secrets", file: `registries:
  a: {type: oci, url: https://x, username: u, password_file: hush, repositories: [a/b]}
  b: {type: oci, url: https://y, username: u, password_env: hush-hush, repositories: [a/b]}
  c: {type: oci, url: https://z, username: u, password_file: DIR/none, repositories: [a/b]}
  d: {type: oci, url: https://u, username: u, password_file: DIR/empty, password_env: LOKTAR_P, repositories: [a/b]}
  e: {type: oci, url: https://v, username: u, repositories: [a/b]}
  f: {type: oci, url: https://w, password_file: DIR/password, repositories: [a/b]}
  g: {type: s3, bucket: abc, secret_key_env: UNSET, repositories: [a/b]}
  h: {type: oci, url: https://t, username: u, password_env: hush, repositories: [a/b]}
`, want: []string{
			"FILE:2: registries.a.password_file cannot be read (no such file or directory); write the path of a file that the server may read",
			"FILE:3: registries.b.password_env is not the name of an environment variable; write the name, and the secret into the variable",
			"FILE:4: registries.c.password_file \"DIR/none\" cannot be read (no such file or directory); write the path of a file that the server may read",
			"FILE:5: registries.d.password_file \"DIR/empty\" is empty; put the secret into the file",
			"FILE:5: registries.d.password_env \"LOKTAR_P\" begins with LOKTAR_, as only the variables of the configuration may; choose another name",
			"FILE:5: registries.d.password_env stands beside registries.d.password_file (FILE:5); remove one of the two",
			"FILE:6: registries.e.username stands without a secret; write password_file or password_env beside it",
			"FILE:7: registries.f.password_file stands without a name; write username beside it",
			"FILE:8: registries.g.secret_key_env \"UNSET\" names an environment variable that is not set; set it where the server is started",
			"FILE:8: registries.g.secret_key_env stands without a name; write access_key beside it",
			"FILE:9: registries.h.password_env names an environment variable that is not set; set it where the server is started",
		}},
		{name: "one place", file: `publish: {storage: {type: s3, bucket: abc, prefix: ci}}
registries:
  a: {type: oci, url: https://x, repositories: [acme/pets], packages: [pet_api, "cat-*"]}
  b: {type: oci, url: "http://X:80/", repositories: ["acme/*"], packages: ["web-*", "pet*"]}
  c: {type: oci, url: https://x/sub, repositories: ["acme/*"]}
  d: {type: s3, bucket: abc, prefix: ci/jars, repositories: [a/b]}
  e: {type: s3, bucket: abc, repositories: [a/b], packages: x}
  f: {type: file, path: /srv/f, repositories: [a/b]}
  g: {type: file, path: /srv/f/g, repositories: [a/b]}
  h: {type: file, path: /srv/fg, repositories: [a/b]}
  i: {type: pypi, url: https://pypi.example.com/root/, repositories: [a/b], packages: [Pet.Api]}
  j: {type: pypi, url: https://pypi.example.com/root/simple, repositories: [a/c], packages: [pet-api]}
`, want: []string{
			"FILE:4: registries.b is the same place as registries.a (FILE:3), and both take packages with one name, by `pet*` and `pet_api`; have each name in the `packages` of one of the two, so that no repository publishes another's",
			"FILE:6: registries.d is not apart from publish.storage (FILE:1): one lies in the other; give it a folder, bucket or prefix beside that one",
			"FILE:7: registries.e is not apart from publish.storage (FILE:1): one lies in the other; give it a folder, bucket or prefix beside that one",
			"FILE:7: registries.e is not apart from registries.d (FILE:6): one lies in the other; give it a folder, bucket or prefix beside that one",
			"FILE:9: registries.g is not apart from registries.f (FILE:8): one lies in the other; give it a folder, bucket or prefix beside that one",
			"FILE:12: registries.j is the same place as registries.i (FILE:11), and both take packages with one name, by `pet-api` and `Pet.Api`; have each name in the `packages` of one of the two, so that no repository publishes another's",
		}},
		{name: "the storage twice", file: "publish: {storage: {type: file, path: /srv/a}, storage: {type: file, path: /srv/b}}\n", want: []string{
			"FILE:1: publish.storage is there twice; remove one of the two, the other is at FILE:1",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := ""
			if c.file != "" {
				file = write(t, "loktar.yml", strings.ReplaceAll(c.file, "DIR", dir))
			}
			_, err := Load(file, enough(t, c.environ...))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			for i := range c.want {
				c.want[i] = strings.ReplaceAll(c.want[i], "DIR", dir)
			}
			if diff := cmp.Diff(c.want, lines(e, file)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "hush") {
				t.Errorf("the error shows a secret: %v", err)
			}
		})
	}
}
