package localpg

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// initialise makes a cluster in the server's data directory.
func (s *Server) initialise(ctx context.Context) (err error) {
	pwfile := filepath.Join(s.dir.root, "password")
	if err := os.WriteFile(pwfile, []byte(s.opts.Password+"\n"), 0o600); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(pwfile)) }()
	if err := s.acct.own(pwfile); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, filepath.Join(s.bin, "initdb"),
		"--pgdata", s.dir.data(),
		"--username", s.opts.User,
		"--pwfile", pwfile,
		"--auth", "scram-sha-256",
		"--encoding", "UTF8",
		"--locale", "C",
		"--no-sync")
	cmd.Dir = s.dir.data()
	cmd.Env = childEnv()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.acct.credential()}
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, strings.TrimSpace(string(output)))
	}
	if s.opts.CertFile != "" {
		if err := s.installCertificate(); err != nil {
			return err
		}
	}
	return s.writeSettings()
}

// installCertificate copies the certificate and its key to where PostgreSQL looks for
// them.
func (s *Server) installCertificate() error {
	for name, from := range map[string]string{"server.crt": s.opts.CertFile, "server.key": s.opts.KeyFile} {
		text, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		to := filepath.Join(s.dir.data(), name)
		if err := os.WriteFile(to, text, 0o600); err != nil {
			return err
		}
		if err := s.acct.own(to); err != nil {
			return err
		}
	}
	return nil
}

// writeSettings appends the wanted settings, which a later ALTER SYSTEM can
// still override.
func (s *Server) writeSettings() (err error) {
	file, err := os.OpenFile(filepath.Join(s.dir.data(), "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	settings := map[string]string{}
	if s.opts.CertFile != "" {
		settings["ssl"] = "on"
	}
	maps.Copy(settings, s.opts.Settings)
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		if _, err := fmt.Fprintf(file, "%s = %s\n", name, quoteSetting(settings[name])); err != nil {
			return err
		}
	}
	return nil
}

// childEnv is the environment of the server's programs: without the caller's
// PG variables, and with messages in English.
func childEnv() []string {
	env := []string{"LC_ALL=C"}
	for _, entry := range os.Environ() {
		if strings.HasPrefix(entry, "PG") || strings.HasPrefix(entry, "LC_") || strings.HasPrefix(entry, "LANG") {
			continue
		}
		env = append(env, entry)
	}
	return env
}
