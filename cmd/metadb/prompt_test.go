package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestPrompts(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]bool{
		"y\n": true, "Y\n": true, "yes\n": true, "YeS\r\n": true, " y \n": true, "y": true,
		"": false, "\n": false, "n\n": false, "ja\n": false, "yy\n": false, "no\ny\n": false,
	} {
		var out bytes.Buffer
		err := newAsker(strings.NewReader(typed), &out, false).ask(t.Context(), "Sure? ")
		if (err == nil) != want || err != nil && !errors.Is(err, errDeclined) || !strings.HasPrefix(out.String(), "Sure? ") {
			t.Errorf("%q: %v, %q", typed, err, out.String())
		}
	}
	in, typist := io.Pipe() // nobody types
	defer typist.Close()
	ctx, interrupt := context.WithCancel(t.Context())
	interrupt()
	if err := newAsker(in, io.Discard, false).ask(ctx, "Sure? "); !errors.Is(err, context.Canceled) {
		t.Errorf("interrupted: %v", err)
	}
	var out bytes.Buffer
	if err := newAsker(strings.NewReader("n\n"), &out, true).ask(t.Context(), "Sure? "); err != nil || out.Len() > 0 {
		t.Errorf("with --force: %v, %q", err, out.String())
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for want, err := range map[int]error{
		0: nil, exitError: errors.New("x"), exitDeclined: errDeclined, exitRefused: errors.Join(refused("x")),
		exitPending: &exitStatus{exitPending, pendingError(5, errors.New("x"))},
	} {
		if got := exitCode(err); got != want {
			t.Errorf("%v: %d, want %d", err, got, want)
		}
	}
}

// TestSyncNeedsItsFlags refuses before anything is opened.
func TestSyncNeedsItsFlags(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"sync"}, `required flag(s) "source" not set`},
		{[]string{"endsync", "-D", "/nonexistent/d"}, `required flag(s) "source" not set`},
		{[]string{"sync", "--source", "s"}, "data directory not specified"},
		{[]string{"endsync", "--source", "s", "-D", "/nonexistent/d"}, "data directory not found: /nonexistent/d"},
		{[]string{"endsync", "--source", "s", "-D", "/nonexistent/d", "--max-unconfirmed", "100.1"}, "--max-unconfirmed: a percentage from 0 to 100"},
		{[]string{"sync", "--source", "s", "--max-unconfirmed", "5"}, "unknown flag: --max-unconfirmed"},
		{[]string{"sync", "--source", "s", "--trace"}, "unknown flag: --trace"},
	} {
		if _, err := run(t, tt.args...); err == nil || err.Error() != tt.want {
			t.Errorf("%v: %v, want %q", tt.args, err, tt.want)
		}
	}
}
