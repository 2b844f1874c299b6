package app

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/runner/disk"
)

// lookAtDisk is how often the disk is looked at when nobody asks.
const lookAtDisk = 5 * time.Second

// dataDisk is the disk of data_dir. While it has too little room no job begins:
// what there is serves for what goes on, and for the store.
type dataDisk struct {
	dir string
	log zerolog.Logger

	mu   sync.Mutex
	full bool
}

// left is nil while there is enough room. The error is one for which jobs wait.
// The operator is told when that changes.
func (d *dataDisk) left() error {
	full := disk.Full(d.dir)
	d.mu.Lock()
	changed := full != d.full
	d.full = full
	d.mu.Unlock()
	if changed {
		d.tell(full)
	}
	if !full {
		return nil
	}
	return &checks.Error{
		Kind: checks.KindUnavailable, Cause: checks.CauseDiskFull,
		Public: "The disk of the Loktar server is full. Its operator has to free some space where data_dir is.",
	}
}

func (d *dataDisk) tell(full bool) {
	bytes, files, bounded, _ := disk.Left(d.dir)
	level, text := zerolog.InfoLevel, "the disk of data_dir has room again"
	if full {
		level, text = zerolog.ErrorLevel, "the disk of data_dir is full; free some space there: jobs wait until there is room again"
	}
	ev := d.log.WithLevel(level).Str("data_dir", d.dir).Int64("bytes_left", bytes).Int("bytes_needed", disk.LittleBytes)
	if bounded {
		ev = ev.Uint64("files_left", files).Int("files_needed", disk.LittleFiles)
	}
	ev.Msg(text)
}

// run looks now and then, until ctx is done.
func (d *dataDisk) run(ctx context.Context) {
	tick := time.NewTicker(lookAtDisk)
	defer tick.Stop()
	for {
		_ = d.left() // it is told there
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
