package blob

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"io"
	"os"
)

// An object of a Dir is content, JSON of a trailerJSON, and a foot: the CRC-32
// and the length of the JSON, four bytes each in big endian, and the magic.
// In one file because one file can be moved to its place at once, and at its
// end because the digest is known there.
const (
	magic      = "LOKTBLB1"
	foot       = 8 + len(magic)
	trailerMax = 4096
)

type trailerJSON struct {
	Size        int64  `json:"size"`
	SHA256      Digest `json:"sha256"`
	ContentType string `json:"content_type"`
}

func trailer(i Info) []byte {
	b, err := json.Marshal(trailerJSON{i.Size, i.SHA256, i.ContentType})
	if err != nil {
		panic(err) // strings and a number
	}
	sum, n := crc32.ChecksumIEEE(b), uint32(len(b))
	b = binary.BigEndian.AppendUint32(b, sum)
	b = binary.BigEndian.AppendUint32(b, n)
	return append(b, magic...)
}

// readInfo reads what is at the end of the object's file.
func readInfo(f *os.File, key string) (Info, error) {
	fi, err := f.Stat()
	if err != nil {
		return Info{}, dirError("read", key, err)
	}
	if !fi.Mode().IsRegular() {
		return Info{}, notFound(key, errors.New("what is there is no file"))
	}
	tail := make([]byte, min(fi.Size(), trailerMax))
	if _, err := f.ReadAt(tail, fi.Size()-int64(len(tail))); err != nil && err != io.EOF {
		return Info{}, dirError("read", key, err)
	}
	t, ok := parseTrailer(tail, fi.Size())
	if !ok {
		return Info{}, corrupt(key, "the end of its file is not as it was written")
	}
	return Info{Key: key, Size: t.Size, SHA256: t.SHA256, ContentType: t.ContentType, Modified: fi.ModTime(), ETag: string(t.SHA256)}, nil
}

// parseTrailer reads the last bytes of a file of size bytes.
func parseTrailer(tail []byte, size int64) (t trailerJSON, ok bool) {
	at := len(tail) - foot
	if at < 0 || string(tail[at+8:]) != magic {
		return t, false
	}
	sum, n := binary.BigEndian.Uint32(tail[at:]), binary.BigEndian.Uint32(tail[at+4:])
	if uint64(n) > uint64(at) {
		return t, false
	}
	b := tail[at-int(n) : at]
	if crc32.ChecksumIEEE(b) != sum || json.Unmarshal(b, &t) != nil {
		return t, false
	}
	return t, t.SHA256.valid() && t.Size >= 0 && t.Size == size-int64(n)-int64(foot)
}
