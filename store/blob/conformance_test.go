package blob_test

import (
	"encoding/json"
	"testing"

	"github.com/dudesons/loktar/store/blob"
	"github.com/dudesons/loktar/store/blob/blobtest"
)

func TestDirConforms(t *testing.T) {
	blobtest.Run(t, blobtest.Store{
		New:     func(t testing.TB) string { return t.TempDir() },
		Writers: 4,
		Open:    func(t testing.TB, at string) blob.Bucket { return openDir(t, at) },
	})
}

func openDir(t testing.TB, at string) *blob.Dir {
	t.Helper()
	d, err := blob.OpenDir(at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// place is where an S3 bucket is, for another process.
type place struct {
	Server blobtest.S3Server
	Bucket string
	Spool  string
}

func TestS3Conforms(t *testing.T) {
	blobtest.Run(t, blobtest.Store{
		Writers: 1,
		New: func(t testing.TB) string {
			server := blobtest.StartS3(t)
			o := server.MakeBucket(t, "loktar-test")
			at, err := json.Marshal(place{Server: server, Bucket: o.Bucket, Spool: o.Spool})
			if err != nil {
				t.Fatal(err)
			}
			return string(at)
		},
		Open: func(t testing.TB, at string) blob.Bucket {
			var p place
			if err := json.Unmarshal([]byte(at), &p); err != nil {
				t.Fatal(err)
			}
			return openS3(t, blob.S3Options{
				Endpoint: p.Server.Endpoint, Region: p.Server.Region, Bucket: p.Bucket, Prefix: "in/here", PathStyle: true, Spool: p.Spool,
				Keys: func() (blob.S3Keys, error) { return blob.S3Keys{Access: p.Server.Access, Secret: p.Server.Secret}, nil },
			})
		},
	})
}

func openS3(t testing.TB, o blob.S3Options) *blob.S3 {
	t.Helper()
	b, err := blob.OpenS3(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
