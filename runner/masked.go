package runner

import (
	"errors"
	"reflect"
	"time"

	"github.com/dudesons/loktar/checks"
)

// maskedError is err without the secrets of the job, which an engine's words may
// quote, and otherwise as err: its kind, cause and public text, what it is, and
// how long to wait.
func maskedError(log *Log, err error) error {
	m := &masked{err: err, mask: log.masked}
	if err == nil || m.clean(err) {
		return err
	}
	m.shown = m.chain(err)
	var later interface{ RetryAfter() time.Duration }
	if errors.As(err, &later) {
		return &maskedLater{m, later.RetryAfter()}
	}
	return m
}

// masked stands for an error that holds secrets, itself or in its tree.
type masked struct {
	err   error // shown to nobody
	mask  func(string) string
	shown error // its errors of checks, masked; nil where it has none
}

func (m *masked) Error() string { return m.mask(m.err.Error()) }

func (m *masked) Unwrap() error { return m.shown }

// Is makes errors.Is tell of it what it tells of the error.
func (m *masked) Is(target error) bool { return errors.Is(m.err, target) }

// As makes errors.As find in it what the error has, but for what would show a
// secret.
func (m *masked) As(target any) bool {
	to := reflect.ValueOf(target).Elem()
	found := reflect.New(to.Type())
	if to.Type() == reflect.TypeFor[*checks.Error]() || !errors.As(m.err, found.Interface()) {
		return false // shown has them
	}
	if err, ok := found.Elem().Interface().(error); !ok || !m.clean(err) {
		return false
	}
	to.Set(found.Elem())
	return true
}

// chain has the errors of checks in err, each masked.
func (m *masked) chain(err error) error {
	var e *checks.Error
	if !errors.As(err, &e) {
		return nil
	}
	return &checks.Error{Kind: e.Kind, Cause: e.Cause, Public: m.mask(e.Public), Err: m.chain(e.Err)}
}

// clean reports whether no text in err's tree has a secret.
func (m *masked) clean(err error) bool {
	if err == nil {
		return true
	}
	if text := err.Error(); m.mask(text) != text {
		return false
	}
	//nolint:errorlint // the tree itself is walked
	switch e := err.(type) {
	case interface{ Unwrap() error }:
		return m.clean(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range e.Unwrap() {
			if !m.clean(err) {
				return false
			}
		}
	}
	return true
}

// maskedLater is a masked error that says how long to wait.
type maskedLater struct {
	*masked
	after time.Duration
}

func (m *maskedLater) RetryAfter() time.Duration { return m.after }
