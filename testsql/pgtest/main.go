package pgtest

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Main runs the tests of a package, stops the shared server, looks for
// goroutines left behind and ends the process.
func Main(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) (code int) {
	// Deferred so that the server also goes when the tests panic here; a panic
	// in a test ends the process, and the server with it.
	defer func() {
		if err := errors.Join(template.close(), shared.close()); err != nil {
			fmt.Fprintln(os.Stderr, "pgtest:", err)
			code = 1
		}
		if code == 0 {
			if err := goleak.Find(); err != nil {
				fmt.Fprintln(os.Stderr, "pgtest:", err)
				code = 1
			}
		}
	}()
	return m.Run()
}
