package app

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestDaily(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Hour)
		defer cancel()
		began, calls := time.Now(), []time.Duration(nil)
		daily(ctx, time.Hour, func() { calls = append(calls, time.Since(began)) })
		if len(calls) != 3 || calls[0] != time.Hour || calls[1] != 25*time.Hour || calls[2] != 49*time.Hour {
			t.Errorf("called after %v", calls)
		}
	})
}
