package publish

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
)

// recordName is the object beside a version's files that says what they are.
// It is made before them, only where there is none: who made it has the
// version.
const recordName = ".loktar.json"

const maxRecord = 1 << 20

// record is the content of a version's record.
type record struct {
	Version string       `json:"version"`
	Repo    string       `json:"repo"`
	Package string       `json:"package"`
	Commit  string       `json:"commit"`
	Files   []recordFile `json:"files"`
}

type recordFile struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

func recordOf(r Release) record {
	rec := record{Version: r.Version, Repo: r.Repo.FullName(), Package: r.Package.Name, Commit: r.Commit}
	for _, f := range r.Files {
		rec.Files = append(rec.Files, recordFile{f.Name, f.Size, f.SHA256})
	}
	slices.SortFunc(rec.Files, func(a, b recordFile) int { return strings.Compare(a.Name, b.Name) })
	return rec
}

// differs says in what rec is not the record of r, or "". A release without
// files is known by its commit alone.
func (rec record) differs(r Release) string {
	want := recordOf(r)
	switch {
	case rec.Repo != want.Repo || rec.Package != want.Package || rec.Version != want.Version:
		return fmt.Sprintf("it is %s of %s", short(rec.Package), short(rec.Repo))
	case rec.Commit != want.Commit:
		return fmt.Sprintf("it is of the commit %s", short(rec.Commit))
	case len(r.Files) > 0 && !slices.Equal(rec.Files, want.Files):
		return "its files are others"
	}
	return ""
}

func readRecord(ctx context.Context, b blob.Bucket, dir string) (rec record, ok bool, err error) {
	ok, err = timed(ctx, callTime, func(ctx context.Context) (ok bool, err error) {
		rec, ok, err = openRecord(ctx, b, dir)
		return ok, err
	})
	return rec, ok, err
}

func openRecord(ctx context.Context, b blob.Bucket, dir string) (rec record, ok bool, err error) {
	body, _, err := b.Get(ctx, dir+"/"+recordName, blob.GetOptions{})
	if err != nil {
		if checks.KindOf(err) == checks.KindNotFound {
			return rec, false, nil
		}
		return rec, false, fmt.Errorf("read what is published: %w", err)
	}
	defer body.Close()
	data, more, err := readSome(body, maxRecord)
	if err != nil {
		return rec, false, fmt.Errorf("read what is published: %w", err)
	}
	// Another's file with that name is the record of no release.
	if more || json.Unmarshal(data, &rec) != nil {
		rec = record{}
	}
	for _, f := range rec.Files {
		if !cleanName(f.Name) {
			return record{}, true, nil
		}
	}
	return rec, true, nil
}

func writeRecord(ctx context.Context, b blob.Bucket, dir string, rec record, ifAbsent bool) error {
	data, err := json.MarshalIndent(rec, "", "  ")
	if err == nil {
		_, err = timed(ctx, callTime, func(ctx context.Context) (blob.Info, error) {
			return b.Put(ctx, dir+"/"+recordName, bytes.NewReader(append(data, '\n')), blob.PutOptions{ContentType: "application/json", IfAbsent: ifAbsent})
		})
	}
	if err != nil {
		return fmt.Errorf("record what is published: %w", err)
	}
	return nil
}
