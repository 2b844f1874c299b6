package main

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/dudesons/loktar/checks"
	"github.com/dudesons/loktar/store"
)

// keeplog NAME: remember all ways to read the logs of the concluded check
// NAME, which are not compressed yet.
func (w *world) keeplog(ts *testscript.TestScript, _ bool, args []string) {
	c := w.find(args[0], "completed")
	w.logs = w.readings(ts, strings.TrimPrefix(c.DetailsURL, w.url))
	if packed, plain := w.logFiles(ts, args[0]); packed > 0 || plain == 0 {
		ts.Fatalf("%d logs of %s are compressed, %d are not", packed, args[0], plain)
	}
}

// samelog NAME: the logs of the check NAME come to be compressed, and all ways
// to read them give what they gave before.
func (w *world) samelog(ts *testscript.TestScript, _ bool, args []string) {
	packed, plain := 0, 0
	defer func() { ts.Logf("%d logs are compressed, %d are not", packed, plain) }()
	w.until(ts, "the logs to be compressed", func() bool {
		packed, plain = w.logFiles(ts, args[0])
		return packed > 0 && plain == 0
	})
	now := w.readings(ts, strings.TrimPrefix(w.find(args[0], "completed").DetailsURL, w.url))
	for _, what := range slices.Sorted(maps.Keys(w.logs)) {
		if now[what] != w.logs[what] {
			ts.Fatalf("%s was\n%.400q\nand is\n%.400q", what, w.logs[what], now[what])
		}
	}
}

// logFiles counts the logs of a job and of its services, by whether they are
// compressed.
func (w *world) logFiles(ts *testscript.TestScript, name string) (packed, plain int) {
	dir := filepath.Join(w.work, ".data", "logs", "*")
	for _, pattern := range []string{name + ".log*", name + "+*.log*"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		ts.Check(err)
		for _, file := range files {
			if strings.HasSuffix(file, ".zst") {
				packed++
			} else {
				plain++
			}
		}
	}
	return packed, plain
}

var (
	rowsOfPage = regexp.MustCompile(`(?s)<div id="rows".*<div id="end" data-from="([^"]*)"`)
	idOfEvent  = regexp.MustCompile(`(?m)^id: (\S+)$`)

	dataOfEvent = regexp.MustCompile(`(?m)^data: .*$`)
)

// readings are the answers to all ways to read the logs of a job that is done,
// by its page's path: raw, saved, from offsets on, on its page, followed.
func (w *world) readings(ts *testscript.TestScript, page string) map[string]string {
	all := map[string]string{}
	read := func(path, wanted string) string {
		req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url+path, nil)
		ts.Check(err)
		if wanted != "" {
			req.Header.Set("Range", "bytes="+wanted)
		}
		res, err := http.DefaultClient.Do(req)
		ts.Check(err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		ts.Check(err)
		// Parts are apart by words that are made up for each answer.
		kind, boundary, _ := strings.Cut(res.Header.Get("Content-Type"), "boundary=")
		text := string(body)
		if strings.Contains(path, "/events") {
			// How many lines come in one event is as they are read.
			all[path] = strings.Join(dataOfEvent.FindAllString(text, -1), "\n")
			return text
		}
		if boundary != "" {
			text = strings.ReplaceAll(text, boundary, "")
		}
		all[path+" "+wanted] = fmt.Sprintln(res.StatusCode, kind, res.Header.Get("Last-Modified"), res.Header.Get("Content-Range"), res.Header.Get("Content-Length")) + text
		return text
	}
	whole := read(page+"/log", "")
	read(page+"/log?download", "")
	read(page+"/services/db/log", "")
	for _, wanted := range []string{"0-0", "0-99", "-100", "1000-", fmt.Sprint(len(whole)/2, "-"), fmt.Sprint(len(whole), "-"), "0-9,5000-5009", "9-0"} {
		read(page+"/log", strings.ReplaceAll(wanted, " ", ""))
	}
	shown := rowsOfPage.FindStringSubmatch(read(page, ""))
	if shown == nil {
		ts.Fatalf("the page %s has no log", page)
	}
	all["rows"] = shown[0]
	// The page itself speaks of the run, which goes on.
	delete(all, page+" ")
	read(page+"/events?from="+shown[1], "")
	marks := idOfEvent.FindAllStringSubmatch(read(page+"/events", ""), -1)
	for i := 0; i < len(marks); i += max(1, len(marks)/5) {
		read(page+"/events?from="+marks[i][1], "")
	}
	return all
}

// age DAYS: the server being down, all of its runs come to have ended so long ago.
func (w *world) age(ts *testscript.TestScript, _ bool, args []string) {
	s, err := store.Open(filepath.Join(w.work, ".data", "loktar.db"), store.Options{})
	ts.Check(err)
	defer s.Close()
	var days int
	_, err = fmt.Sscan(args[0], &days)
	ts.Check(err)
	runs, err := s.Recent(1000)
	ts.Check(err)
	for i := range runs {
		runs[i].Finished = runs[i].Finished.AddDate(0, 0, -days)
	}
	ts.Check(s.Commit(w.t.Context(), checks.Commit{Runs: runs}))
}

// nologs: the server comes to keep no logs.
func (w *world) nologs(ts *testscript.TestScript, _ bool, _ []string) {
	w.until(ts, "all logs to be removed", func() bool {
		entries, err := os.ReadDir(filepath.Join(w.work, ".data", "logs"))
		return err == nil && len(entries) == 0
	})
}
