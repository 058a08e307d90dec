package main

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	"gopkg.in/ini.v1"
)

// conf is metadb.conf.
type conf struct {
	Host, Port, Database           string
	Superuser, SuperuserPassword   string
	Systemuser, SystemuserPassword string
	SSLMode                        string
	// Of the SQL port. The files' names are complete; both empty means no TLS.
	ListenAddresses        []listenAddress
	TLSCertificate, TLSKey string
	AllowedNetworks        []netip.Prefix
	AllowPasswordlessLocal bool
	AllowPlaintextRemote   bool
	MaxClients             int
	// SecretsDirectory holds the files that options of data sources may name.
	SecretsDirectory string
}

// defaultConf is what init writes: the file of Metadb 1.4.
const defaultConf = `[main]
host =
port = 5432
database =
superuser = postgres
superuser_password =
systemuser = mdbadmin
systemuser_password =
sslmode = require
`

// moved are keys that have become parameters of ALTER SYSTEM.
var moved = []string{"checkpoint_segment_size", "max_poll_interval"}

func readConf(dir string) (conf, error) {
	path := filepath.Join(dir, confFile)
	file, err := ini.LoadSources(ini.LoadOptions{IgnoreInlineComment: true}, path)
	if err != nil {
		return conf{}, fmt.Errorf("reading configuration file %q: %w", path, err)
	}
	if err := checkKeys(file); err != nil {
		return conf{}, err
	}
	main := file.Section("main")
	override(main)
	get := func(key, otherwise string) string { return main.Key(key).MustString(otherwise) }
	c := conf{
		Host: get("host", ""), Port: get("port", "5432"), Database: get("database", ""),
		Superuser: get("superuser", "postgres"), SuperuserPassword: get("superuser_password", ""),
		Systemuser: get("systemuser", "mdbadmin"), SystemuserPassword: get("systemuser_password", ""),
		SSLMode: get("sslmode", "require"),
	}
	if err := c.readPort(main, dir); err != nil {
		return conf{}, fmt.Errorf("%w in %s", err, confFile)
	}
	c.SecretsDirectory = get("secrets_directory", secretsDir)
	if !filepath.IsAbs(c.SecretsDirectory) {
		c.SecretsDirectory = filepath.Join(dir, c.SecretsDirectory)
	}
	if c.Database == "" {
		return conf{}, errors.New("database is not set in " + confFile)
	}
	return c, nil
}

// connConfig is how a user of the warehouse connects.
func (c conf) connConfig(user, password string) (*pgx.ConnConfig, error) {
	var dsn strings.Builder
	for _, p := range []struct{ key, value string }{
		{"host", c.Host}, {"port", c.Port}, {"dbname", c.Database}, {"user", user}, {"password", password},
		{"sslmode", c.SSLMode}, {"connect_timeout", "30"}, {"application_name", "metadb"},
		{"timezone", "UTC"}, {"statement_timeout", "0"}, {"idle_in_transaction_session_timeout", "0"},
		{"idle_session_timeout", "0"},
	} {
		if p.value != "" {
			dsn.WriteString(p.key + "='" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(p.value) + "' ")
		}
	}
	config, err := pgx.ParseConfig(dsn.String())
	if err != nil {
		return nil, fmt.Errorf("connection settings in %s: %w", confFile, err)
	}
	return config, nil
}

func (c conf) system() (*pgx.ConnConfig, error) {
	return c.connConfig(c.Systemuser, c.SystemuserPassword)
}

func (c conf) super() (*pgx.ConnConfig, error) {
	return c.connConfig(c.Superuser, c.SuperuserPassword)
}
