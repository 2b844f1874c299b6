package source

import (
	"encoding/hex"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// name draws a path of any bytes but NUL.
func name() *rapid.Generator[string] {
	return rapid.Map(rapid.SliceOfN(rapid.ByteRange(1, 255), 1, 40), func(b []byte) string { return string(b) })
}

func TestParseNameStatusGivesBackWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOf(name()).Draw(t, "paths")
		var out strings.Builder
		for _, p := range want {
			out.WriteString(rapid.SampledFrom([]string{"A", "M", "D", "T"}).Draw(t, "status") + "\x00" + p + "\x00")
		}
		got, err := parseNameStatus([]byte(out.String()))
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("%v %s", err, diff)
		}
	})
}

func TestParseTreeGivesBackWhatWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.SampledFrom([]int{20, 32}).Draw(t, "size")
		var want []Entry
		var raw strings.Builder
		for _, n := range rapid.SliceOf(name()).Draw(t, "names") {
			id := rapid.SliceOfN(rapid.Byte(), size, size).Draw(t, "id")
			mode := rapid.SampledFrom([]Mode{ModeFile, ModeExecutable, ModeSymlink, ModeFolder, ModeSubmodule}).Draw(t, "mode")
			want = append(want, Entry{mode, n, hex.EncodeToString(id)})
			raw.WriteString(rapid.SampledFrom([]string{"", "0"}).Draw(t, "pad") + string(mode) + " " + n + "\x00" + string(id))
		}
		got, err := parseTree([]byte(raw.String()), size)
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" || err != nil {
			t.Fatalf("%v %s", err, diff)
		}
	})
}

func FuzzParse(f *testing.F) {
	oid := strings.Repeat("a", 40)
	for _, s := range []string{
		"", "M\x00a\x00", "M\x00a", "R100\x00a\x00b\x00", "M\x00\x00", oid + "\x00", oid + "\x00a\x00b c\n\x00", oid,
		"100644 a\x00" + strings.Repeat("x", 20), "40000 \x00", "100644 a\x00short", " a\x00" + strings.Repeat("x", 20), "9 a\x00" + strings.Repeat("x", 20),
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if files, err := parseNameStatus(b); err == nil {
			n := 0
			for _, p := range files {
				if p == "" || strings.Contains(p, "\x00") {
					t.Errorf("path %q", p)
				}
				n += len(p) + 3
			}
			if n != len(b) {
				t.Errorf("%d bytes were read of %d", n, len(b))
			}
		}
		if tree, conflicts, err := parseMergeTree(b); err == nil {
			if again := tree + "\x00" + strings.Join(append(conflicts, ""), "\x00"); again != string(b) {
				t.Errorf("%q was read as %q", b, again)
			}
		}
		if entries, err := parseTree(b, 20); err == nil {
			for _, e := range entries {
				if e.Name == "" || len(e.OID) != 40 {
					t.Errorf("entry %+v", e)
				}
			}
		}
	})
}

func TestFaultOf(t *testing.T) {
	for text, want := range map[string]fault{
		"fatal: couldn't find remote ref refs/heads/x":                                             faultNoRef,
		"fatal: remote error: upload-pack: not our ref " + strings.Repeat("a", 40):                 faultNoCommit,
		"error: Server does not allow request for unadvertised object x":                           faultNoCommit,
		"fatal: Authentication failed for 'http://x/'":                                             faultAuth,
		"fatal: could not read Username for 'http://x': terminal prompts disabled":                 faultAuth,
		"fatal: unable to access 'http://x/': The requested URL returned error: 403":               faultAuth,
		"fatal: repository 'http://x/' not found":                                                  faultNoRepository,
		"fatal: unable to access 'http://x/': The requested URL returned error: 502":               faultNetwork,
		"fatal: unable to access 'http://x/': Could not resolve host: x":                           faultNetwork,
		"error: RPC failed; curl 56 GnuTLS recv error\nfatal: early EOF":                           faultNetwork,
		"fatal: sha1 file '<stdout>' write error: No space left on device":                         faultDisk,
		"error: object file objects/aa/b is empty\nfatal: loose object b is corrupt":               faultCorrupt,
		"remote: fatal: packfile x cannot be accessed\nfatal: the remote end hung up unexpectedly": faultNetwork,
		"fatal: something else": faultUnknown,
	} {
		if got := faultOf(errors.Join(&gitError{verb: "fetch", exit: 128, stderr: text})); got != want {
			t.Errorf("%q is fault %d, want %d", text, got, want)
		}
	}
}

func TestBranchName(t *testing.T) {
	for s, want := range map[string]bool{
		"main": true, "feature/a-b_c.d": true, "é": true, "a@b": true, "-x": true,
		"": false, "/a": false, "a/": false, "a//b": false, "a..b": false, "a:b": false, "a b": false, "a\nb": false, "*": false, "a@{b": false, "a^": false, "a.": false,
	} {
		if branchName(s) != want {
			t.Errorf("branchName(%q) is %v", s, !want)
		}
	}
}
