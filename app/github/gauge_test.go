package github

import (
	"net/http"
	"strconv"
	"testing"
	"time"
)

type answered http.Header

func (a answered) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{Header: http.Header(a)}, nil
}

// TestGaugeTellsOfNoLaterHour shows that an hour which ends late by our clock,
// or at any time at all, keeps nothing back for longer than an hour.
func TestGaugeTellsOfNoLaterHour(t *testing.T) {
	now := time.Now().Truncate(time.Second)
	for _, tt := range []struct{ said, want time.Time }{
		{now.Add(20 * time.Minute), now.Add(20 * time.Minute)},
		{now.Add(1000 * time.Hour), now.Add(time.Hour)},
	} {
		var got time.Time
		g := gauge{answered{"X-Ratelimit-Remaining": {"0"}, "X-Ratelimit-Reset": {strconv.FormatInt(tt.said.Unix(), 10)}}, func(_ int, reset time.Time) { got = reset }}
		if _, err := g.RoundTrip(nil); err != nil {
			t.Fatal(err)
		}
		if late := got.Sub(tt.want); late < 0 || late > time.Minute {
			t.Errorf("said %v: %v, want %v", tt.said, got, tt.want)
		}
	}
}
