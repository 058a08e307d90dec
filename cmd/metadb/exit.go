package main

import (
	"errors"
	"fmt"
)

// Exit codes of the program. They are fixed, and described in docs/command-line.md.
const (
	exitError       = 1   // it could not be done
	exitDeclined    = 3   // a question was not answered with yes; nothing was changed
	exitRefused     = 4   // the state of things forbids it; nothing was changed
	exitPending     = 5   // it was asked for; the server does it once it runs and reaches what it needs
	exitInterrupted = 130 // it was interrupted while the work was under way, which goes on
)

// exitStatus is an error with an exit code of its own.
type exitStatus struct {
	code int
	err  error
}

// Error is the error's text.
func (e *exitStatus) Error() string { return e.err.Error() }

// Unwrap returns the error.
func (e *exitStatus) Unwrap() error { return e.err }

// exitCode is the code for what a command ended with.
func exitCode(err error) int {
	var status *exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return status.code
	}
	return exitError
}

// pendingError says why a request has to wait for the server.
func pendingError(id int64, why error) error {
	return fmt.Errorf("%w; request %d stays, and the server goes on with it when it is started", why, id)
}

// refused is an error that says why something may not be done now.
func refused(format string, args ...any) error {
	return &exitStatus{exitRefused, fmt.Errorf(format, args...)}
}
