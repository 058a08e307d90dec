// Package secret reads what the catalog only refers to: passwords and keys that an
// operator keeps in files of one directory or in variables of the environment.
//
// Whoever may create a data source chooses what the server reads and to which
// broker it is sent. So references reach nothing but this directory and variables
// of one prefix.
package secret

import (
	"fmt"
	"log/slog"
	"strings"
)

// Beginnings of a reference, and of the names of variables that one may name.
const (
	filePrefix = "file:"
	envPrefix  = "env:"
	Variables  = "METADB_SECRET_"
)

// Mask stands for a secret wherever one would be printed.
const Mask = "******"

// Reference is a secret as the catalog has it: file:NAME or env:METADB_SECRET_NAME,
// or the secret itself. It prints as stars, in whatever form.
type Reference string

// String hides the secret.
func (r Reference) String() string {
	if r == "" {
		return ""
	}
	return Mask
}

// Format hides the secret from every verb of fmt.
func (r Reference) Format(f fmt.State, _ rune) { _, _ = fmt.Fprint(f, r.String()) }

// MarshalText hides the secret from encoders.
func (r Reference) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// LogValue hides the secret from logs.
func (r Reference) LogValue() slog.Value { return slog.StringValue(r.String()) }

// outside says that a reference refers to a file or a variable.
func (r Reference) outside() bool {
	return strings.HasPrefix(string(r), filePrefix) || strings.HasPrefix(string(r), envPrefix)
}
