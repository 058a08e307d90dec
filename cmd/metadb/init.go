package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

func newInit() *cobra.Command {
	var dir string
	var verbose, selfSigned bool
	var names []string
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Create a data directory with a configuration file to fill in",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			path, err := makeDataDir(dir)
			if err != nil {
				return err
			}
			if selfSigned {
				if err := addSelfSigned(path, append(names, ownNames()...)); err != nil {
					return err
				}
			}
			_, err = fmt.Fprintln(cmd.ErrOrStderr(), "metadb: initialized new data directory in "+path)
			return err
		},
	}
	addDirFlag(cmd, &dir)
	cmd.Flags().BoolVarP(&verbose, "verbose", "v", false, "verbose output")
	cmd.Flags().BoolVar(&selfSigned, "self-signed", false, "make a TLS certificate for the SQL port, and use it")
	cmd.Flags().StringSliceVar(&names, "tls-name", nil, "name or address of this machine to put into the certificate (repeatable)")
	_ = cmd.MarkFlagRequired("dir")
	return cmd
}

// makeDataDir creates a data directory that did not exist. The configuration file
// will hold passwords: nobody else may read it.
func makeDataDir(dir string) (string, error) {
	path, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("%s already exists", path)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return "", err
	}
	if err := os.Mkdir(path, 0o700); err != nil {
		return "", err
	}
	if err := os.Mkdir(filepath.Join(path, secretsDir), 0o700); err != nil {
		return "", err
	}
	return path, os.WriteFile(filepath.Join(path, confFile), []byte(defaultConf), 0o600)
}

// addSelfSigned makes a certificate in a data directory and has it used.
func addSelfSigned(dir string, names []string) error {
	if err := makeSelfSigned(dir, names); err != nil {
		return fmt.Errorf("make certificate: %w", err)
	}
	with := defaultConf + "tls_certificate = " + certFile + "\ntls_key = " + keyFile + "\n"
	return os.WriteFile(filepath.Join(dir, confFile), []byte(with), 0o600)
}
