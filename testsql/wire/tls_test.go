package wire

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"metadb/testsql/instance"
	"metadb/testsql/pgtest"
	"metadb/testsql/psql"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// newInstance is a server that is not started, on a database of its own.
func newInstance(t *testing.T) (*instance.Instance, *pgtest.DB) {
	t.Helper()
	db := pgtest.Database(t)
	return instance.New(t, instance.Warehouse{
		Host: db.Host, Port: db.Port, Database: db.Name, User: db.User, Password: db.Password,
	}), db
}

// TestTLS signs in by psql as a person would, on an address for other machines.
func TestTLS(t *testing.T) {
	t.Parallel()
	server, db := newInstance(t)
	cert := pgtest.NewCertificate(t)
	socket := socketDir(t)
	server.Configure("listen_addresses = *, "+socket, "tls_certificate = server.crt", "tls_key = "+cert.KeyFile, "allowed_networks = 255.255.255.255/32")
	install := func(from, to string) {
		t.Helper()
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	installed := filepath.Join(server.Dir(), "server.crt")
	install(cert.CertFile, installed)
	server.Start()
	program, err := psql.Find(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ask := func(settings string) string {
		cmd := exec.CommandContext(t.Context(), program, "-X", "-A", "-t", "-c", "LIST data_sources", "-c", "\\conninfo", "port="+strconv.Itoa(server.Port())+
			" user="+db.User+" password="+db.Password+" dbname=metadb "+settings)
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	verified := "host=localhost sslmode=verify-full sslrootcert="
	if out := ask(verified + cert.CertFile); !strings.Contains(out, "SSL connection") {
		t.Error(out)
	}
	if out := ask("host=" + socket); !strings.Contains(out, "via socket") {
		t.Error(out)
	}
	// A renewed certificate is shown to the next client.
	renewed := pgtest.NewCertificate(t)
	install(renewed.CertFile, installed)
	install(renewed.KeyFile, cert.KeyFile)
	later := time.Now().Add(time.Minute)
	for _, file := range []string{installed, cert.KeyFile} {
		if err := os.Chtimes(file, later, later); err != nil {
			t.Fatal(err)
		}
	}
	if out := ask(verified + renewed.CertFile); !strings.Contains(out, "SSL connection") {
		t.Error(out)
	}
	if out := ask(verified + cert.CertFile); !strings.Contains(out, "certificate verify failed") {
		t.Error(out)
	}
	// Another machine, as far as this one has an address of its own.
	if others := ownAddresses(t); len(others) > 0 {
		if out := ask("host=" + others[0] + " sslmode=require"); !strings.Contains(out, "closed the connection") && !strings.Contains(out, "reset by peer") && !strings.Contains(out, "EOF") {
			t.Errorf("%s is in no allowed network: %s", others[0], out)
		}
	}
}

// socketDir is a directory for a Unix socket; the test's own has too long a name.
func socketDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "wire") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// ownAddresses are this machine's addresses beside the loopback.
func ownAddresses(t *testing.T) (list []string) {
	t.Helper()
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil && !n.IP.IsLoopback() {
			list = append(list, n.IP.String())
		}
	}
	return list
}

// TestNoListeningInClear wants the server to end rather than to listen for other
// machines without TLS.
func TestNoListeningInClear(t *testing.T) {
	t.Parallel()
	server, _ := newInstance(t)
	server.Configure("listen_addresses = 0.0.0.0")
	server.Launch("")
	if err := server.AwaitDeath(t.Context()); err != nil {
		t.Fatal(err)
	}
	if log := server.Log(); !strings.Contains(log, "set tls_certificate and tls_key in metadb.conf") {
		t.Error(log)
	}
}
