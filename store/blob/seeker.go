package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
)

// seeker is an object as http.ServeContent wants it. It opens the object
// where it is first read, and keeps why that failed: ServeContent does not
// tell.
type seeker struct {
	bucket Bucket
	info   Info
	ctx    func() context.Context // the request's
	hint   string                 // the request's Range, for the length
	at     int64
	rc     io.ReadCloser
	err    error
}

// oneRange is a Range that names one part by both of its ends.
var oneRange = regexp.MustCompile(`^bytes=([0-9]{1,18})-([0-9]{1,18})$`)

// Seek implements io.Seeker.
func (s *seeker) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.info.Size
	}
	if offset < 0 {
		return 0, errors.New("seek before the start")
	}
	if offset != s.at {
		s.Close()
		s.rc, s.at = nil, offset
	}
	return offset, nil
}

// Read implements io.Reader.
func (s *seeker) Read(p []byte) (int, error) {
	if s.err != nil {
		return 0, s.err
	}
	if s.at >= s.info.Size {
		return 0, io.EOF
	}
	if s.rc == nil {
		if s.err = s.open(); s.err != nil {
			return 0, s.err
		}
	}
	n, err := s.rc.Read(p)
	s.at += int64(n)
	if err == io.EOF && s.at < s.info.Size {
		// The part that was opened is read; what follows was not hinted at.
		s.Close()
		s.rc, err = nil, nil
	}
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

func (s *seeker) open() error {
	o := GetOptions{Offset: s.at, Length: s.hinted()}
	rc, now, err := s.bucket.Get(s.ctx(), s.info.Key, o)
	if err != nil {
		return err
	}
	if now.Size != s.info.Size || now.SHA256 != s.info.SHA256 || now.ETag != s.info.ETag {
		rc.Close()
		return fmt.Errorf("object %q was changed while it was served", s.info.Key)
	}
	s.rc = rc
	return nil
}

// hinted is how much is going to be read from here, 0 for all.
func (s *seeker) hinted() int64 {
	m := oneRange.FindStringSubmatch(s.hint)
	if m == nil {
		return 0
	}
	from, errFrom := strconv.ParseInt(m[1], 10, 64)
	to, errTo := strconv.ParseInt(m[2], 10, 64)
	if errFrom != nil || errTo != nil || from != s.at || to < from {
		return 0
	}
	return to - from + 1
}

// Close implements io.Closer.
func (s *seeker) Close() error {
	if s.rc == nil {
		return nil
	}
	return s.rc.Close()
}
