package annotate

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/dudesons/loktar/checks"
)

// saved is what a Collector knows of its reports.
type saved struct {
	Report   int                            `json:"report"`
	Budget   int64                          `json:"budget"`
	Counts   checks.TestCounts              `json:"counts,omitzero"`
	Failed   []checks.FailedTest            `json:"failed,omitempty"`
	Slowest  []checks.SlowTest              `json:"slowest,omitempty"`
	Red      []string                       `json:"red,omitempty"`
	Notes    []string                       `json:"notes,omitempty"`
	Levels   map[string][]checks.Annotation `json:"levels,omitempty"`
	Left     int                            `json:"left,omitempty"`
	Unplaced map[string][]string            `json:"unplaced,omitempty"`
	More     int                            `json:"more,omitempty"`
	Known    hashes                         `json:"known,omitempty"`
	Seen     hashes                         `json:"seen,omitempty"`
	Spots    hashes                         `json:"spots,omitempty"`
}

// Save is what c knows of the reports that it was given, for the Load of a new
// Collector with the same Options. It is called before the first line of the log.
// What Options.Mask took out is not in it.
func (c *Collector) Save() ([]byte, error) {
	s := saved{
		Report: c.report, Budget: c.budget, Counts: c.counts, Failed: c.failed, Slowest: c.slowest, Red: c.red, Notes: c.notes,
		Levels: c.levels, Left: c.left, Unplaced: c.unplaced, More: c.more,
		Known: hashesOf(maps.Keys(c.known)), Seen: hashesOf(maps.Keys(c.seen)), Spots: hashesOf(maps.Keys(c.spots)),
	}
	return json.Marshal(s)
}

// Load has c go on from what Save gave. Nothing may have been given to c before.
func (c *Collector) Load(text []byte) error {
	var s saved
	if err := json.Unmarshal(text, &s); err != nil {
		return fmt.Errorf("read what reports told: %w", err)
	}
	c.report, c.budget, c.counts, c.failed, c.slowest, c.red, c.notes = s.Report, s.Budget, s.Counts, s.Failed, s.Slowest, s.Red, s.Notes
	c.left, c.more = s.Left, s.More
	maps.Copy(c.levels, s.Levels)
	maps.Copy(c.unplaced, s.Unplaced)
	for _, key := range s.Known {
		c.known[key] = earlier
	}
	for _, key := range s.Seen {
		c.seen[key] = true
	}
	for _, key := range s.Spots {
		c.spots[key] = true
	}
	return nil
}

// earlier stands for the number of a report before those that are yet to come.
const earlier = -1

// hashes are written as one text, as there may be very many.
type hashes []uint64

func hashesOf(all func(yield func(uint64) bool)) hashes { return slices.Sorted(all) }

func (h hashes) MarshalJSON() ([]byte, error) {
	text := make([]byte, 0, 8*len(h))
	for _, key := range h {
		text = binary.LittleEndian.AppendUint64(text, key)
	}
	return json.Marshal(text)
}

func (h *hashes) UnmarshalJSON(in []byte) error {
	var text []byte
	if err := json.Unmarshal(in, &text); err != nil {
		return err
	}
	if len(text)%8 != 0 {
		return errors.New("there is a part of a hash")
	}
	for ; len(text) > 0; text = text[8:] {
		*h = append(*h, binary.LittleEndian.Uint64(text))
	}
	return nil
}
