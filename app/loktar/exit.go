package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/dudesons/loktar/app"
	"github.com/dudesons/loktar/checks"
)

// The exit codes. Scripts rely on them.
const (
	exitFine   = 0
	exitNo     = 1 // the answer is no, or the work failed
	exitUsage  = 2
	exitUnsure = 3 // no answer could be given
)

const exitCodes = `Exit codes:
  0  done
  1  the answer is no (lint: something is wrong; why: not affected), or the
     server or the demo failed
  2  the command was called wrongly
  3  no answer could be given: no repository, no base, a broken loktar.json`

// failure is an error of the work itself, not of how it was called.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// no is an answer that is no. What there is to say was said.
type no struct{}

func (no) Error() string { return "the answer is no" }

// unsure is an error that leaves a question without an answer.
type unsure struct{ error }

func (u unsure) Unwrap() error { return u.error }

// fails marks what a command returns as a failure.
func fails(run func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if err := run(cmd, args); err != nil {
			return failure{err}
		}
		return nil
	}
}

// answers marks what a command returns as a question without an answer, but
// for no and misuse.
func answers(run func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		err := run(cmd, args)
		if err == nil || errors.As(err, new(no)) || errors.As(err, new(misuse)) || errors.As(err, new(failure)) || errors.As(err, new(stopped)) {
			return err
		}
		return unsure{err}
	}
}

// misuse is an error of how a command was called that cobra cannot see.
type misuse struct{ error }

func misused(format string, args ...any) error { return misuse{fmt.Errorf(format, args...)} }

// exit says what went wrong, and gives the exit code for it.
func exit(called *cobra.Command, err error) int {
	var bad *app.ManifestError
	switch {
	case err == nil:
		return exitFine
	case errors.As(err, new(stopped)):
		return exitStopped
	case errors.As(err, new(no)):
		return exitNo
	case errors.As(err, &bad):
		for _, p := range bad.Problems {
			fmt.Fprintln(os.Stderr, place(checks.ManifestFile, p))
		}
		fmt.Fprintf(os.Stderr, "loktar: %v\n", err)
		return exitUnsure
	case errors.As(err, new(unsure)):
		fmt.Fprintf(os.Stderr, "loktar: %s\n", printable(told(err)))
		return exitUnsure
	case errors.As(err, new(failure)):
		fmt.Fprintf(os.Stderr, "loktar: %s\n", told(err))
		return exitNo
	}
	fmt.Fprintf(os.Stderr, "loktar: %s\nRun `%s --help` to see what there is.\n", printable(err.Error()), called.CommandPath())
	return exitUsage
}

// told is an error for the person at the terminal: the sentence for people
// first, then its cause.
func told(err error) string {
	var e *checks.Error
	if errors.As(err, &e) && e.Public != "" && e.Err != nil {
		return fmt.Sprintf("%s (%v)", e.Public, e.Err)
	}
	return err.Error()
}
