package publish

import (
	"context"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store/blob"
)

// NewS3 makes a Storage on S3 buckets: s3://BUCKET/jars/prod/NAME/VERSION/.
// open gives the bucket that build_info.bucket names, "" being the server's
// own; it is asked at each use, and decides who may publish where: its error
// for a bucket that it does not give has the kind Config or Refused.
func NewS3(open func(ctx context.Context, bucket string) (Place, error)) *Storage {
	return &Storage{place: func(ctx context.Context, bucket string) (Place, error) {
		place, err := open(ctx, bucket)
		if err == nil && place.Bucket == nil {
			err = checks.Errorf(checks.KindConfig, nil, "The server has no bucket %q to publish to. Set it up, or correct build_info.bucket.", short(bucket))
		}
		return place, err
	}}
}

// NewFolder makes a Storage in a folder of the server, for where no registry
// is set up. url is where the folder can be read, empty for nowhere.
// build_info.bucket has no meaning there. OpenFolder makes such a bucket.
func NewFolder(folder blob.Bucket, url string) *Storage {
	return &Storage{place: func(context.Context, string) (Place, error) { return Place{Bucket: folder, URL: url}, nil }}
}
