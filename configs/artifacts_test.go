package configs

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestArtifacts(t *testing.T) {
	c := load(t, "", enough(t))
	if a := c.Artifacts; a.Storage != nil || a.Days != 30 || a.MaxSize.Bytes() != 2<<30 {
		t.Errorf("by default: %+v", a)
	}
	c = load(t, write(t, "l.yml", "artifacts:\n  keep: 7\n  max_size: 100MiB\n  storage: {type: file, path: /srv/kept}\n"), append(enough(t), "LOKTAR_ARTIFACTS_KEEP=8"))
	if a := c.Artifacts; a.Storage == nil || a.Storage.Path != "/srv/kept" || a.Days != 8 || a.MaxSize.Bytes() != 100<<20 {
		t.Errorf("as written: %+v", a)
	}
	c = load(t, write(t, "l.yml", "artifacts: {storage: {type: s3, endpoint: 'http://s3.example.com', bucket: abc, access_key: k, secret_key_env: S}, keep: }\n"), append(enough(t), "S=hush"))
	if got := c.Warnings(); len(got) != 1 || !strings.HasPrefix(got[0], "artifacts.storage: its address begins with http://") {
		t.Errorf("warnings %q", got)
	}
	c = load(t, write(t, "l.yml", "artifacts:\n  storage:\n"), enough(t))
	if c.Artifacts.Storage != nil {
		t.Errorf("storage %+v of nothing", c.Artifacts.Storage)
	}
}

func TestArtifactsProblems(t *testing.T) {
	for name, c := range map[string]struct {
		file    string
		environ []string
		want    []string
	}{
		"values": {"artifacts: {keep: 0, max_size: much, storage: {type: pypi}}\n", nil, []string{
			"artifacts.keep \"0\" is out of range; write a number of days from 1 to 3650",
			"artifacts.max_size \"much\"",
			"artifacts.storage.type \"pypi\" is not a type of storage; write one of file, s3",
		}},
		"form": {"artifacts:\n  storage: /srv/kept\n  kep: 3\n", nil, []string{
			"artifacts.kep is not a key of the configuration; did you mean `artifacts.keep`?",
			"artifacts.storage has to hold keys; write below it `type:` and what that type needs",
		}},
		"twice": {"artifacts:\n  storage: {type: file, path: /srv/a}\n  storage: {type: file, path: /srv/b}\n", nil, []string{
			"artifacts.storage is there twice; remove one of the two",
		}},
		"where others publish": {"publish: {storage: {type: file, path: /srv/a}}\nartifacts: {storage: {type: file, path: /srv/a/kept}}\n", nil, []string{
			"artifacts.storage is not apart from publish.storage (FILE:1): one lies in the other",
		}},
		"one bucket": {"artifacts: {storage: {type: s3, bucket: abc}}\nregistries: {r: {type: s3, bucket: abc, repositories: [a/b]}}\n", nil, []string{
			"registries.r is not apart from artifacts.storage (FILE:1): one lies in the other",
		}},
		"our own folder": {"data_dir: /srv/loktar\npublish: {storage: {type: file, path: /srv/loktar/artifacts/x}}\n", nil, []string{
			"publish.storage.path \"/srv/loktar/artifacts/x\" lies in a folder of data_dir where the server keeps other things; write a folder of its own, for example /srv/loktar/published",
		}},
		"a variable": {"", []string{"LOKTAR_ARTIFACTS_STORAGE=x"}, []string{
			"LOKTAR_ARTIFACTS_STORAGE: is not a variable of Loktar; write `artifacts.storage:` in the configuration file",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			path := write(t, "l.yml", c.file)
			_, err := Load(path, append(enough(t), c.environ...))
			var all *Error
			if !errors.As(err, &all) {
				t.Fatalf("loaded: %v", err)
			}
			var got []string
			for _, p := range all.Problems {
				got = append(got, strings.ReplaceAll(p.String(), path, "FILE"))
			}
			for i, want := range c.want {
				if len(got) != len(c.want) || !strings.Contains(got[i], want) {
					t.Fatalf("(-want +got)\n%s", cmp.Diff(c.want, got))
				}
			}
		})
	}
}
