package runner

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/dudesons/loktar/checks"
)

// ServiceLogLimit bounds what is kept of what a service prints, in bytes.
const ServiceLogLimit = 16 << 20

// Service is a sidecar of a task: it runs in a container of its own beside the
// steps, which reach it under its name.
type Service struct {
	// Name is the name of a host.
	Name string
	// Image is what runs, with its own command and user.
	Image string
	Env   map[string]string
	Ports []int
	// Ready is what has to hold before the steps begin. The number of a port:
	// something listens there. Other text: this shell line, run in the service,
	// exits with 0. Empty: the image's health check passes; of an image that
	// has none, that something listens at each of Ports.
	Ready string
	// Output takes what it prints, as an Output does: Resumer.Resume gives it
	// from its very start. Nil keeps nothing.
	Output io.Writer
}

// servicesOf are the services of a package, by name.
func servicesOf(p checks.Package) (list []Service) {
	for _, name := range slices.Sorted(maps.Keys(p.Services)) {
		s := p.Services[name]
		list = append(list, Service{Name: name, Image: s.Image, Env: s.Env, Ports: s.Ports, Ready: s.Ready})
	}
	return list
}

// ServiceLogPath is the file beneath dir that holds the log of a service of a
// job: of the same form as the job's own, and beside it.
func ServiceLogPath(dir string, id checks.JobID, service string) (string, error) {
	return LogPath(dir, checks.JobID{Run: id.Run, Package: checks.ServiceLogName(id.Package, service)})
}

// serviceLogs opens the logs of t's services, until done is called. One that
// cannot be kept keeps no job from running: log says so.
func (r *Runner) serviceLogs(job checks.Job, resumes bool, t *Task, log *Log) (done func()) {
	var open []*Log
	for i := range t.Services {
		s := &t.Services[i]
		path, err := ServiceLogPath(r.o.LogDir, t.Job, s.Name)
		if err == nil {
			var l *Log
			if resumes {
				l, err = ResumeLog(path, ServiceLogLimit, job.Attempt)
			} else {
				l, err = OpenLog(path, ServiceLogLimit)
			}
			if err == nil {
				open = append(open, l)
				s.Output = l
				l.Mask(log.mask)
				if !resumes && job.Attempt > 1 {
					l.Heading(attemptText(job.Attempt))
				}
			}
		}
		if err != nil {
			log.Heading(fmt.Sprintf("The log of the service %s cannot be kept", s.Name))
		}
	}
	return func() {
		var err error
		for _, l := range open {
			err = errors.Join(err, l.Close())
		}
		if err != nil {
			log.Heading("Not all of what the services printed could be kept")
		}
	}
}

// serviceRefusal says why a service cannot be run by anyone, or "".
func serviceRefusal(s Service) string {
	for name, value := range s.Env {
		if !envName.MatchString(name) || strings.ContainsRune(value, 0) || len(value) > maxArg {
			return fmt.Sprintf("The service %s has a variable %q in its env that no program can have: its name is none, or its value is longer than %s or holds a zero byte.", s.Name, name, bytesText(maxArg+256))
		}
	}
	if strings.ContainsRune(s.Ready, 0) || len(s.Ready) > maxArg {
		return fmt.Sprintf("The line in `ready` of the service %s is longer than %s or holds a zero byte.", s.Name, bytesText(maxArg+256))
	}
	return ""
}

// Quoted shows a shell line, which is hostile text, inside a sentence.
func Quoted(line string) string { return quote(line) }

// DurationText is d without units that are zero: 30m, 1h30m, 1.5s.
func DurationText(d time.Duration) string { return durationText(d) }
