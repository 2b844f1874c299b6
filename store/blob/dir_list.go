package blob

import (
	"context"
	"errors"
	"path"
	"slices"
	"strings"
)

// List implements Bucket. Files that no Put made are not told of.
func (d *Dir) List(ctx context.Context, prefix, after string, limit int) ([]Info, error) {
	limit, err := checkList(prefix, after, limit)
	if err != nil {
		return nil, err
	}
	l := dirList{d: d, prefix: prefix, after: after, limit: limit}
	if err := l.walk(ctx, ""); err != nil {
		return nil, dirError("list", prefix, err)
	}
	return l.found, nil
}

type dirList struct {
	d             *Dir
	prefix, after string
	limit         int
	found         []Info
}

// walk adds what is in the folder: "" or a key and a slash.
func (l *dirList) walk(ctx context.Context, folder string) error {
	entries, err := l.d.readDir(path.Join(objects, folder))
	if err != nil && !absent(err) {
		return err
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		switch {
		case e.IsDir():
			// With the slash it sorts as the keys in it do.
			names = append(names, folder+e.Name()+"/")
		case e.Type().IsRegular():
			names = append(names, folder+e.Name())
		}
	}
	slices.Sort(names)
	for _, name := range names {
		if len(l.found) == l.limit {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		if strings.HasSuffix(name, "/") {
			within := strings.HasPrefix(name, l.prefix) || strings.HasPrefix(l.prefix, name)
			past := l.after >= name && !strings.HasPrefix(l.after, name)
			if within && !past {
				if err := l.walk(ctx, name); err != nil {
					return err
				}
			}
			continue
		}
		if strings.HasPrefix(name, l.prefix) && name > l.after && CheckKey(name) == nil {
			l.add(ctx, name)
		}
	}
	return nil
}

func (l *dirList) add(ctx context.Context, key string) {
	info, err := l.d.Stat(ctx, key)
	if errors.Is(err, ErrCorrupt) {
		// It has to be seen to be deleted.
		fi, lost := l.d.root.Lstat(path.Join(objects, key))
		if err = lost; err == nil {
			info.Size, info.Modified = fi.Size(), fi.ModTime()
		}
	}
	// Without error: it was not deleted in the meantime.
	if err == nil {
		l.found = append(l.found, Info{Key: key, Size: info.Size, Modified: info.Modified})
	}
}
