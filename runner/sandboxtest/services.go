package sandboxtest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/dudesons/loktar/runner"
)

// Serving is a sandbox under test that knows services. ServiceImage is an image
// whose command runs the shell lines in its variable RUN; that and the image of
// steps have busybox's nc.
type Serving interface{ ServiceImage() string }

// served is a task with a service db, which runs the lines in run.
func (b *bed) served(run, ready string, steps ...string) runner.Task {
	b.Helper()
	s, ok := b.Sandbox.(Serving)
	if !ok {
		b.Skip("this sandbox knows no services")
	}
	task := b.task(steps...)
	task.Services = []runner.Service{{Name: "db", Image: s.ServiceImage(), Env: map[string]string{"RUN": run}, Ready: ready}}
	return task
}

// answering lines answer each connection to port 7000.
func answering(with string) string {
	return "nc -ll -p 7000 -e echo " + with
}

const asking = "nc -w 5 db 7000 </dev/null"

func reachesServices(b *bed) {
	for ready, run := range map[string]string{"7000": "echo said; sleep 1; " + answering("pong"), "[ -e /up ]": "echo said; touch /up; " + answering("pong")} {
		task := b.served(run, ready, "sleep 0.5; "+asking)
		said := &output{grown: make(chan struct{}, 1)}
		task.Services[0].Output = said
		task.Clean = []string{asking}
		exit, out := b.do(task)
		said.end(b.T)
		if exit.Code != 0 || exit.Unready != "" || exit.Died != "" || exit.Services["db"] == "" {
			b.Errorf("exit %+v", exit)
		}
		b.want(out, "pong\n", "pong\n")
		b.want(said.String(), "said\n")
	}
}

func needsServices(b *bed) {
	for run, ready := range map[string]string{"echo over; exit 3": "7000", "sleep 300": "exit 1"} {
		task := b.served(run, ready, "echo never")
		task.Timeout = 5 * time.Second
		if exit, out := b.do(task); !strings.Contains(exit.Unready, "db") || strings.Contains(out, "never") || strings.Contains(out, "cleaned") {
			b.Errorf("exit %+v\n%s", exit, out)
		}
	}
}

func tellsOfServicesThatDied(b *bed) {
	exit, out := b.do(b.served("nc -l -p 7000 -e true; exit 4", "7000", asking+"; sleep 1; exit 2"))
	if exit.Code != 2 || !strings.Contains(exit.Died, "db") || !strings.Contains(exit.Died, "4") {
		b.Errorf("exit %+v\n%s", exit, out)
	}
}

func keepsServicesApart(b *bed) {
	var wg sync.WaitGroup
	for i := range 3 {
		task := b.served(answering(fmt.Sprint("job", i)), "7000", "for i in 1 2 3; do "+asking+"; done")
		wg.Go(func() {
			if exit, out := b.do(task); exit.Code != 0 || strings.Count(out, fmt.Sprintf("job%d\n", i)) != 3 {
				b.Errorf("job %d: exit %+v\n%s", i, exit, out)
			}
		})
	}
	wg.Wait()
}

func stopsWhileServicesStart(b *bed) {
	ctx, cancel := context.WithCancel(b.Context())
	task, out := b.served("sleep 300", "exit 1", "echo never"), &output{grown: make(chan struct{}, 1)}
	var wg sync.WaitGroup
	var exit runner.Exit
	var err error
	wg.Go(func() { exit, err = b.Sandbox.Run(ctx, task, out) })
	out.await(b.T, "db")
	cancel()
	wg.Wait()
	out.end(b.T)
	if !exit.Cancelled && err == nil {
		b.Errorf("exit %+v\n%s", exit, out)
	}
}
