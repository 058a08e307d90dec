package wire

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"metadb/testsql/pgtest"
	"metadb/testsql/poll"
)

// memoryRoom is by how much the server's memory may be larger after the abuse: the
// garbage collector gives back late.
const memoryRoom = 48 << 20

// room is by how much the numbers of descriptors and goroutines may differ: the
// server's own pool of connections breathes.
const room = 8

// TestAbuse does to port 8550 what the internet does, and what unlucky clients
// do. Descriptors, threads of control and memory return to what they were, the
// server serves throughout, and its streaming part does not notice: a source is read
// beside it without a pause, a new run or an error.
func TestAbuse(t *testing.T) {
	t.Parallel()
	server, db := newInstance(t)
	cert := pgtest.NewCertificate(t)
	server.Configure("tls_certificate = "+cert.CertFile, "tls_key = "+cert.KeyFile)
	metrics := freeAddress(t)
	server.Flags = []string{"--http", metrics}
	server.Start()
	a := &abuse{t: t, metrics: metrics, address: net.JoinHostPort("127.0.0.1", strconv.Itoa(server.Port())), url: through(server.Port(), db)}

	watch := db.Conn(t)
	if _, err := watch.Exec(t.Context(), "CREATE TABLE big AS SELECT i, repeat('x', 1000) AS s FROM generate_series(1, 20000) i"); err != nil {
		t.Fatal(err)
	}
	alive := func() (n int) {
		if err := watch.QueryRow(t.Context(), "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'abuse'").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	source := a.stream(watch)
	a.each(20, a.openAndClose) // what is made at first use is part of the base
	a.until("backends are gone", func() bool { return alive() == 0 })
	before := a.measure()

	for name, step := range map[string]struct {
		times int
		do    func(int) error
	}{
		"open and close":         {500, a.openAndClose},
		"vanish":                 {100, a.vanish},
		"backend killed":         {20, a.killed},
		"garbage":                {200, a.garbage},
		"garbage in TLS":         {50, a.garbageInTLS},
		"garbage in a session":   {100, a.garbageInSession},
		"oversized":              {50, a.oversized},
		"slow start":             {100, a.slow},
		"reads nothing":          {10, a.readsNothing},
		"cancel requests":        {100, a.cancel},
		"ends at authentication": {100, a.endsAtPassword},
	} {
		begin := time.Now()
		a.each(step.times, step.do)
		t.Logf("%s: %d in %s", name, step.times, time.Since(begin).Round(time.Millisecond))
		if err := a.openAndClose(0); err != nil {
			t.Errorf("after %s: %v", name, err)
		}
	}
	source.unmoved()
	a.until("backends are gone", func() bool { return alive() == 0 })
	a.until("descriptors return to base", func() bool { return a.measure().files <= before.files+room })
	a.until("goroutines return to base", func() bool { return a.measure().goroutines <= before.goroutines+room })
	a.until("memory returns to base", func() bool { return a.measure().memory <= before.memory+memoryRoom })
	after := a.measure()
	t.Logf("before %+v, after %+v", before, after)
	for line := range strings.Lines(server.Log()) {
		if strings.Contains(line, "ERROR") || strings.Contains(line, "FATAL") || strings.Contains(line, "panick") || strings.Contains(line, "WARNING:  cannot follow") || strings.Contains(line, "stream interrupted") {
			t.Error(line)
		}
	}
}

// abuse is the server and what is known of it.
type abuse struct {
	t       *testing.T
	address string // of SQL
	metrics string // of HTTP
	url     string
}

// each does something several times, ten at once.
func (a *abuse) each(times int, do func(int) error) {
	a.t.Helper()
	var group sync.WaitGroup
	work := make(chan int)
	for range 10 {
		group.Go(func() {
			for i := range work {
				if err := do(i); err != nil {
					a.t.Errorf("%v", err)
				}
			}
		})
	}
	for i := range times {
		work <- i
	}
	close(work)
	group.Wait()
}

func (a *abuse) until(what string, holds func() bool) {
	a.t.Helper()
	if !poll.Until(a.t.Context(), 20*time.Millisecond, time.Minute, holds) {
		a.t.Fatalf("%s: it does not come to that; now %+v", what, a.measure())
	}
}

// freeAddress is one that nobody listens on now.
func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// usage is what the server's process has.
type usage struct {
	files, goroutines int
	memory            int64
}

// measure reads the server's own metrics.
func (a *abuse) measure() (u usage) {
	a.t.Helper()
	request, err := http.NewRequestWithContext(a.t.Context(), http.MethodGet, "http://"+a.metrics+"/metrics", nil)
	if err != nil {
		a.t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		a.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	found := map[string]float64{}
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		var name string
		var value float64
		if _, err := fmt.Sscan(lines.Text(), &name, &value); err == nil {
			found[name] = value
		}
	}
	u = usage{files: int(found["process_open_fds"]), goroutines: int(found["go_goroutines"]), memory: int64(found["process_resident_memory_bytes"])}
	if u.files == 0 || u.goroutines == 0 || u.memory == 0 {
		a.t.Fatalf("no metrics: %v", found)
	}
	return u
}
