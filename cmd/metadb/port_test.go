package main

import (
	"bytes"
	"context"
	"crypto/x509"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestConfOfPort(t *testing.T) {
	t.Parallel()
	dir := writeConf(t, "[main]\ndatabase = w\nlisten_addresses = 127.0.0.1, ::1, /run/metadb, *\nallowed_networks = 10.1.2.3/8, 192.0.2.7, fd00::/8\n"+
		"tls_certificate = server.crt\ntls_key = /etc/metadb/server.key\nmax_clients = 200\nallow_plaintext_remote = true\n")
	c, err := readConf(dir)
	if err != nil {
		t.Fatal(err)
	}
	if c.TLSCertificate != filepath.Join(dir, "server.crt") || c.TLSKey != "/etc/metadb/server.key" || c.MaxClients != 200 || !c.AllowPlaintextRemote {
		t.Errorf("%+v", c)
	}
	var local []bool
	for _, a := range c.ListenAddresses {
		local = append(local, a.isLocal())
	}
	if len(local) != 4 || !local[0] || !local[1] || !local[2] || local[3] {
		t.Errorf("%+v: %v", c.ListenAddresses, local)
	}
	want := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("fd00::/8")}
	for i, network := range c.AllowedNetworks {
		if network != want[i] {
			t.Errorf("%v, want %v", network, want[i])
		}
	}
	for text, want := range map[string]string{
		"listen_addresses = ,":         "listen_addresses: no address",
		"allowed_networks = office":    `not "office"`,
		"tls_certificate = a":          "expected both or neither",
		"max_clients = some":           "max_clients: expected a number",
		"max_clients = -1":             "max_clients: expected a number",
		"allow_plaintext_remote = yep": "allow_plaintext_remote: expected true or false",
	} {
		if _, err := readConf(writeConf(t, "[main]\ndatabase = x\n"+text+"\n")); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func TestListen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	socket := filepath.Join(dir, ".s.PGSQL.0")
	for name, test := range map[string]struct {
		c    conf
		want string
	}{
		"remote without TLS": {conf{ListenAddresses: []listenAddress{{}}}, "set tls_certificate"},
		"remote, allowed":    {conf{ListenAddresses: []listenAddress{{}}, AllowPlaintextRemote: true}, ""},
		"remote with TLS":    {conf{ListenAddresses: []listenAddress{{host: "0.0.0.0"}}, TLSCertificate: "x"}, ""},
		"local":              {conf{ListenAddresses: []listenAddress{{host: "localhost"}, {dir: dir}}}, ""},
		"not there":          {conf{ListenAddresses: []listenAddress{{host: "127.0.0.1"}, {dir: dir + "/no"}}}, "listen on port 0"},
	} {
		list, err := test.c.listenAll(t.Context(), 0)
		if err == nil && test.want != "" || err != nil && (test.want == "" || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		for _, l := range list {
			_ = l.Close()
		}
	}
	// A socket that a killed server left behind.
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	c := conf{ListenAddresses: []listenAddress{{dir: dir}}}
	if list, err := c.listenAll(t.Context(), 0); err == nil {
		_ = list[0].Close()
		t.Error("took a socket that is in use")
	}
	_ = l.Close()
	list, err := c.listenAll(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = list[0].Close()
}

func TestSelfSigned(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	if _, err := run(t, "init", "-D", dir, "--self-signed", "--tls-name", "db.example.org"); err != nil {
		t.Fatal(err)
	}
	conf, err := os.ReadFile(filepath.Join(dir, confFile))
	if err != nil {
		t.Fatal(err)
	}
	filled := strings.Replace(string(conf), "database =", "database = x", 1)
	if err := os.WriteFile(filepath.Join(dir, confFile), []byte(filled), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := readConf(dir)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := loadCertificate(c.TLSCertificate, c.TLSKey, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	pair, _ := cert.current()
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	for _, name := range []string{"db.example.org", "localhost", "127.0.0.1"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{DNSName: name, Roots: roots}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if info, err := os.Stat(c.TLSKey); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("key: %v, %v", info.Mode(), err)
	}
}

func TestCertificateIsReloaded(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var out bytes.Buffer
	log := slog.New(newLogHandler(&out, slog.LevelInfo))
	file := func(name string) string { return filepath.Join(dir, name) }
	if _, err := loadCertificate(file(certFile), file(keyFile), log); err == nil {
		t.Error("started without a certificate")
	}
	write := func(age time.Duration) {
		t.Helper()
		if err := makeSelfSigned(dir, []string{"localhost"}); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{certFile, keyFile} { // clocks of file systems are coarse
			when := time.Now().Add(-age)
			if err := os.Chtimes(file(name), when, when); err != nil {
				t.Fatal(err)
			}
		}
	}
	write(3 * time.Hour)
	c, err := loadCertificate(file(certFile), file(keyFile), log)
	if err != nil {
		t.Fatal(err)
	}
	first, _ := c.current()
	if again, _ := c.current(); again != first {
		t.Error("loaded again without a change")
	}
	write(2 * time.Hour)
	second, _ := c.current()
	if second == first || bytes.Equal(second.Certificate[0], first.Certificate[0]) {
		t.Error("the renewed certificate is not in use")
	}
	if err := os.WriteFile(file(certFile), []byte("half a fi"), 0o600); err != nil {
		t.Fatal(err)
	}
	if third, err := c.current(); err != nil || third != second {
		t.Errorf("a broken file replaced the certificate: %v", err)
	}
	if text := out.String(); !strings.Contains(text, "certificate reloaded") || strings.Count(text, "cannot load the renewed certificate") != 1 {
		t.Error(text)
	}
}

// TestBackendOfSSLMode holds what sslmode asks of the connection to PostgreSQL.
func TestBackendOfSSLMode(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	go func() {
		for { // a server without TLS
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if n, _ := conn.Read(make([]byte, 8)); n == 8 {
				_, _ = conn.Write([]byte{'N'})
			}
			_ = conn.Close()
		}
	}()
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	for mode, want := range map[string]bool{"disable": true, "allow": true, "prefer": true, "require": false, "verify-full": false} {
		b, err := newBackend(conf{Host: "127.0.0.1", Port: port, Database: "d", Systemuser: "u", SSLMode: mode})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		conn, err := b.dial(ctx)
		cancel()
		if (err == nil) != want {
			t.Errorf("%s: %v", mode, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
}
