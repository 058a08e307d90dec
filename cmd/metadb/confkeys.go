package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"gopkg.in/ini.v1"

	"metadb/parser"
)

// envPrefix begins the names of environment variables that stand for keys of
// metadb.conf: METADB_HOST for host.
const envPrefix = "METADB_"

// confKeys are the keys that metadb.conf may have, those of 1.4 first.
func confKeys() []string {
	return []string{
		"host", "port", "database", "superuser", "superuser_password", "systemuser", "systemuser_password", "sslmode",
		"listen_addresses", "tls_certificate", "tls_key", "allowed_networks", "allow_passwordless_local",
		"allow_plaintext_remote", "max_clients", "secrets_directory",
	}
}

// checkKeys refuses keys that nobody reads: a misspelled one would be without
// effect and without a word.
func checkKeys(file *ini.File) error {
	for _, section := range file.Sections() {
		for _, key := range section.KeyStrings() {
			switch {
			case section.Name() != "main":
				return fmt.Errorf("%s in %s stands outside of section [main]", key, confFile)
			case slices.Contains(moved, key):
				return fmt.Errorf("%s is no longer supported in %s (see ALTER SYSTEM command)", key, confFile)
			case slices.Contains(confKeys(), key):
			default:
				text := fmt.Sprintf("unknown key \"%s\" in %s", key, confFile)
				if near := parser.Nearest(key, confKeys()); near != "" {
					text += fmt.Sprintf(" (did you mean \"%s\"?)", near)
				}
				return fmt.Errorf("%s", text)
			}
		}
	}
	return nil
}

// warnReadable says so when others may read the passwords in metadb.conf, as those
// that Metadb 1.4 made.
func warnReadable(dir string, log *logging) {
	path := filepath.Join(dir, confFile)
	if info, err := os.Stat(path); err == nil && info.Mode().Perm()&0o077 != 0 {
		log.Warn("others may read the configuration file; it holds passwords", "file", path, "mode", fmt.Sprintf("%04o", info.Mode().Perm()), "should_be", "0600")
	}
}

// override puts what the environment says in the place of what the file says. An
// empty variable counts: it empties the key.
func override(main *ini.Section) {
	for _, key := range confKeys() {
		if value, set := os.LookupEnv(envPrefix + strings.ToUpper(key)); set {
			main.Key(key).SetValue(value)
		}
	}
}
