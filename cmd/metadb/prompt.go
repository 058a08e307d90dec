package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
)

// errDeclined says that a question was not answered with yes.
var errDeclined = &exitStatus{exitDeclined, errors.New("not confirmed; nothing was changed")}

// asker asks questions, unless they are answered by a flag.
type asker struct {
	in    *bufio.Reader
	out   io.Writer
	force bool
}

func newAsker(in io.Reader, out io.Writer, force bool) *asker {
	return &asker{in: bufio.NewReader(in), out: out, force: force}
}

// ask fails with errDeclined unless the answer is yes. The end of the input is none.
// It ends with ctx; the asker is of no use then.
func (a *asker) ask(ctx context.Context, question string) error {
	if a.force {
		return nil
	}
	if _, err := fmt.Fprint(a.out, question); err != nil {
		return err
	}
	var answer string
	read := make(chan error, 1)
	go func() {
		var err error
		answer, err = a.in.ReadString('\n')
		read <- err
	}()
	select {
	case <-ctx.Done():
		_, _ = fmt.Fprintln(a.out)
		return ctx.Err()
	case err := <-read:
		if err != nil && !errors.Is(err, io.EOF) {
			return fmt.Errorf("read answer: %w", err)
		}
	}
	if !strings.HasSuffix(answer, "\n") {
		_, _ = fmt.Fprintln(a.out)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return nil
	}
	return errDeclined
}
