package configs

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEventProblems(t *testing.T) {
	for _, c := range []struct {
		name, file string
		environ    []string
		want       []string
	}{
		{name: "words", file: "events:\n  forks: aprove\n  drafts: Run\n  full_label: \"a\\tb\"\n", want: []string{
			"FILE:2: events.forks \"aprove\" is not a policy for forks; did you mean `approve`?",
			"FILE:3: events.drafts \"Run\" is not a policy for drafts; did you mean `run`?",
			`FILE:4: events.full_label "a\tb" holds a control character, which no label does; write the label's name`,
		}},
		{name: "words of variables", file: "events: {forks: ''}", environ: []string{"LOKTAR_EVENTS_DRAFTS=never"}, want: []string{
			`FILE:1: events.forks "" is not a policy for forks; write one of approve, run, ignore`,
			`LOKTAR_EVENTS_DRAFTS: events.drafts "never" is not a policy for drafts; write one of run, wait`,
		}},
		{name: "globs", file: "events:\n  push:\n  - main\n  - '[a'\n  -\n  - release/**\n  tags: v*,,refs/tags/x\n", want: []string{
			"FILE:4: events.push \"[a\" is not a glob: a `[` is not closed or empty, or a backslash is last; write for example release/*",
			`FILE:5: events.push "" is an empty glob; write the name of a branch or tag, or remove it`,
			"FILE:6: events.push \"release/**\" has `**` beside other characters, where it is no more than `*`; did you mean `release/*`?",
			`FILE:7: events.tags "" is an empty glob; write the name of a branch or tag, or remove it`,
			"FILE:7: events.tags \"refs/tags/x\" is a ref, not the name of a branch or tag; did you mean `x`?",
		}},
		{name: "globs of variables", environ: []string{"LOKTAR_EVENTS_PUSH=a b,!main", `LOKTAR_EVENTS_TAGS=v\`}, want: []string{
			`LOKTAR_EVENTS_PUSH: events.push "a b" holds a space or control character, which no branch or tag does; remove it`,
			"LOKTAR_EVENTS_PUSH: events.push \"!main\" would exclude, which a glob cannot; list what is tested (`\\!` is the character)",
			"LOKTAR_EVENTS_TAGS: events.tags \"v\\\\\" is not a glob: a `[` is not closed or empty, or a backslash is last; write for example release/*",
		}},
		{name: "forms", file: "events:\n  forks: [run]\n  push: {a: b}\n  tags: [[a],\n    {b: c}]\n  pushes: [a]\nevents: run\n", want: []string{
			"FILE:2: events.forks has to be one value; write it on the line of the key",
			`FILE:3: events.push has to be a list; write for example [main, "release/*"]`,
			`FILE:4: events.tags has to be a list of single values; write for example [main, "release/*"]`,
			`FILE:5: events.tags has to be a list of single values; write for example [main, "release/*"]`,
			"FILE:6: events.pushes is not a key of the configuration; did you mean `events.push`?",
			"FILE:7: events has to hold keys; write them on lines of their own below it, further to the right",
		}},
		{name: "variables of repositories", environ: []string{"LOKTAR_REPOSITORIES=", "LOKTAR_REPOSITORIES_ACME=x"}, want: []string{
			"LOKTAR_REPOSITORIES: is not a variable of Loktar; write `repositories:` in the configuration file, there is no variable for it",
			"LOKTAR_REPOSITORIES_ACME: is not a variable of Loktar; write `repositories:` in the configuration file, there is no variable for it",
		}},
		{name: "no map", file: "repositories: [acme/pets]\nrepository:\n  acme/pets: {}\n", want: []string{
			"FILE:1: repositories has to hold repositories; write `OWNER/NAME:` on a line of its own below it, and its keys below that",
			"FILE:2: repository is not a key of the configuration; did you mean `repositories`?",
		}},
		{name: "inside repositories", file: `repositories:
  acme/pets:
    fork: run
    colour: red
    forks: Ignore
    push: [main, "[", {a: b}]
    forks: run
    tags:
    - v*
    - "["
    full_label: [a]
  acme/docs: run
  acme/*:
    drafts: no
    pushh:
    <<: {forks: run}
`, want: []string{
			"FILE:3: repositories.acme/pets.fork is not a key of a repository; did you mean `forks`?",
			"FILE:4: repositories.acme/pets.colour is not a key of a repository; write one of forks, drafts, push, tags, full_label, publish_label, comment",
			`FILE:6: repositories.acme/pets.push has to be a list of single values; write for example [main, "release/*"]`,
			"FILE:7: repositories.acme/pets.forks is there twice; remove one of the two, the other is at FILE:5",
			"FILE:11: repositories.acme/pets.full_label has to be one value; write it on the line of the key",
			"FILE:12: repositories.acme/docs has to hold keys; write below it one of forks, drafts, push, tags, full_label, publish_label, comment",
			"FILE:15: repositories.acme/*.pushh is not a key of a repository; did you mean `push`?",
			"FILE:16: repositories.acme/*.<< is not a key of a repository; write one of forks, drafts, push, tags, full_label, publish_label, comment",
			`FILE:14: repositories.acme/*.drafts "no" is not a policy for drafts; write one of run, wait`,
			"FILE:5: repositories.acme/pets.forks \"Ignore\" is not a policy for forks; did you mean `ignore`?",
			"FILE:10: repositories.acme/pets.tags \"[\" is not a glob: a `[` is not closed or empty, or a backslash is last; write for example release/*",
		}},
		{name: "names", file: `repositories:
  acme: {}
  acme/: {forks: walk}
  https://me:hush@github.com/acme/pets.git: {colour: x}
  "*": {}
  "*/pets": {}
  acme/pe*: {}
  acme/a/b: {}
  ? {}
  : {}
`, want: []string{
			"FILE:2: repositories \"acme\" is not OWNER/NAME; did you mean `acme/*`?",
			"FILE:3: repositories \"acme/\" is not OWNER/NAME; did you mean `acme/*`?",
			"FILE:4: repositories is not OWNER/NAME; did you mean `acme/pets`?",
			"FILE:4: repositories.colour is not a key of a repository; write one of forks, drafts, push, tags, full_label, publish_label, comment",
			"FILE:5: repositories \"*\" names no owner; write OWNER/NAME or OWNER/*, and what counts for all under `events:`",
			`FILE:6: repositories "*/pets" is not OWNER/NAME; write the two as GitHub has them, or OWNER/* for all of an owner`,
			`FILE:7: repositories "acme/pe*" is not OWNER/NAME; write the two as GitHub has them, or OWNER/* for all of an owner`,
			`FILE:8: repositories "acme/a/b" is not OWNER/NAME; write the two as GitHub has them, or OWNER/* for all of an owner`,
			"FILE:9: repositories \"\" names no owner; write OWNER/NAME or OWNER/*, and what counts for all under `events:`",
			`FILE:3: repositories.forks "walk" is not a policy for forks; write one of approve, run, ignore`,
		}},
		{name: "twice", file: "repositories:\n  acme/pets: {}\n  Acme/Pets: {forks: walk}\n  acme/*: {}\n  acme/pets: {}\nrepositories: {ACME/*: }\n", want: []string{
			"FILE:3: repositories.Acme/Pets is there twice, as case does not count; join it with the other, at FILE:2",
			"FILE:5: repositories.acme/pets is there twice, as case does not count; join it with the other, at FILE:2",
			"FILE:6: repositories.ACME/* is there twice, as case does not count; join it with the other, at FILE:4",
			`FILE:3: repositories.Acme/Pets.forks "walk" is not a policy for forks; write one of approve, run, ignore`,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			file := ""
			if c.file != "" {
				file = write(t, "loktar.yml", c.file)
			}
			_, err := Load(file, enough(t, c.environ...))
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("error %v", err)
			}
			if diff := cmp.Diff(c.want, lines(e, file)); diff != "" {
				t.Errorf("problems (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRepositoryNames(t *testing.T) {
	for _, name := range []string{"acme/pets", "Acme-1/pets.io", "a_b/_", "a/.github", "a/*", "a/b.c-d_e"} {
		if err := checkRepository(name); err != nil {
			t.Errorf("%s %v", name, err)
		}
	}
	for name, near := range map[string]string{
		"github.com/acme/pets": "acme/pets", "www.github.com/acme/pets/": "acme/pets", "git@github.com:acme/pets.git": "acme/pets",
		"ssh://git@ghe.example.com/acme/pets.git/": "acme/pets", "/acme/pets": "acme/pets", " acme / pets ": "acme/pets",
		"acme/**": "acme/*", "acme/pets.git": "acme/pets", "https://github.com/acme": "acme/*",
		"acme/..": "", "acme/.": "", "a.b/c": "", "": "", "/": "", "*/*": "", "acme/\npets\x00": "", "acmé/pets": "",
	} {
		err := checkRepository(name)
		switch {
		case err == nil:
			t.Errorf("%q was accepted", name)
		case near == "" && strings.Contains(err.Error(), "did you mean"), near != "" && !strings.HasSuffix(err.Error(), "did you mean `"+near+"`?"):
			t.Errorf("%q %v; want %q", name, err, near)
		}
	}
}
