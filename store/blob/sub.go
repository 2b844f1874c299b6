package blob

import (
	"context"
	"io"
	"strings"

	"github.com/dudesons/loktar/checks"
)

// Sub is the part of b under folder, which is a key: who has it reaches
// nothing else of b. Both may be used side by side. The error is Refused.
func Sub(b Bucket, folder string) (Bucket, error) {
	if err := CheckKey(folder); err != nil {
		return nil, err
	}
	return sub{b, folder + "/"}, nil
}

type sub struct {
	b      Bucket
	folder string
}

func (s sub) info(i Info, err error) (Info, error) {
	i.Key = strings.TrimPrefix(i.Key, s.folder)
	return i, err
}

// Keys are held by themselves: joined to the folder a bad one may be good.
func (s sub) Put(ctx context.Context, key string, r io.Reader, o PutOptions) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	return s.info(s.b.Put(ctx, s.folder+key, r, o))
}

func (s sub) Get(ctx context.Context, key string, o GetOptions) (io.ReadCloser, Info, error) {
	if err := CheckKey(key); err != nil {
		return nil, Info{}, err
	}
	r, info, err := s.b.Get(ctx, s.folder+key, o)
	info, err = s.info(info, err)
	return r, info, err
}

func (s sub) Stat(ctx context.Context, key string) (Info, error) {
	if err := CheckKey(key); err != nil {
		return Info{}, err
	}
	return s.info(s.b.Stat(ctx, s.folder+key))
}

func (s sub) Delete(ctx context.Context, key string) error {
	if err := CheckKey(key); err != nil {
		return err
	}
	return s.b.Delete(ctx, s.folder+key)
}

func (s sub) List(ctx context.Context, prefix, after string, limit int) ([]Info, error) {
	if after != "" {
		after = s.folder + after
	}
	found, err := s.b.List(ctx, s.folder+prefix, after, limit)
	for i := range found {
		found[i].Key = strings.TrimPrefix(found[i].Key, s.folder)
	}
	return found, err
}

func isNotFound(err error) bool {
	return err != nil && checks.KindOf(err) == checks.KindNotFound
}
