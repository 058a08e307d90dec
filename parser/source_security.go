package parser

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// Values of the options security and sasl_mechanism, in Kafka's words.
var (
	protocols  = []string{"ssl", "plaintext", "sasl_ssl", "sasl_plaintext"}
	mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", oauthBearer}
)

const oauthBearer = "OAUTHBEARER"

// securityOptions say how the brokers of a source are reached.
var securityOptions = []sourceOption{
	{name: "sasl_mechanism", also: []string{"sasl_mechanisms"}, fold: foldMechanism, check: oneOf(mechanisms...)},
	{name: "sasl_username", check: checkReference},
	{name: "sasl_password", sealed: true, check: checkReference},
	{name: "sasl_oauthbearer_token", sealed: true, check: checkReference},
	{name: "sasl_oauthbearer_token_endpoint_url", check: checkURL},
	{name: "sasl_oauthbearer_client_id", check: checkReference},
	{name: "sasl_oauthbearer_client_secret", sealed: true, check: checkReference},
	{name: "sasl_oauthbearer_scope"},
	{name: "ca_file", also: []string{"ssl_ca_location"}, check: checkFile},
	{name: "cert_file", also: []string{"ssl_certificate_location"}, check: checkFile},
	{name: "key_file", also: []string{"ssl_key_location"}, check: checkFile},
}

// foldMechanism makes scram_sha_256 of the catalog's SCRAM-SHA-256.
func foldMechanism(value string) string {
	return strings.ToUpper(strings.ReplaceAll(value, "_", "-"))
}

// checkReference checks what may be a reference to a secret. What is none may be
// the secret itself, and so is never part of a message.
func checkReference(option, value string) *Error {
	const variables = "METADB_SECRET_"
	if name, ok := strings.CutPrefix(value, "file:"); ok {
		return checkFile(option, name)
	}
	name, ok := strings.CutPrefix(value, "env:")
	if !ok || strings.HasPrefix(name, variables) && len(name) > len(variables) {
		return nil
	}
	return &Error{
		Code:    invalidParameter,
		Message: fmt.Sprintf("invalid value for option \"%s\": \"%s\"", option, value),
		Hint:    "Only variables whose names begin with " + variables + " can be secrets.",
	}
}

// checkFile checks the name of a file in the server's directory of secrets.
func checkFile(option, name string) *Error {
	if name != "" && !path.IsAbs(name) && !slices.Contains(strings.Split(name, "/"), "..") {
		return nil
	}
	return &Error{
		Code:    invalidParameter,
		Message: fmt.Sprintf("invalid file name for option \"%s\": \"%s\"", option, name),
		Hint:    "Files are named relative to secrets_directory of metadb.conf, which is DATADIR/secrets unless set, without \"..\".",
	}
}

// checkURL checks where tokens are fetched.
func checkURL(option, value string) *Error {
	if strings.HasPrefix(value, "https://") || strings.HasPrefix(value, "http://") {
		return nil
	}
	return &Error{
		Code:    invalidParameter,
		Message: fmt.Sprintf("invalid value for option \"%s\": \"%s\"", option, value),
		Hint:    "The value is a URL that begins with https://.",
	}
}

// misfit says whether an option that has a value is of no use beside the others
// of a new source, and why. The server says what is missing.
func misfit(option string, values map[string]optionValue) (hint string) {
	security, mechanism := values["security"], values["sasl_mechanism"]
	sasl := security.parameter || strings.HasPrefix(security.text, "sasl_")
	tls := security.parameter || security.text == "" || strings.HasSuffix(security.text, "ssl")
	switch {
	case values[option].text == "":
	case strings.HasPrefix(option, "sasl_") && !sasl:
		return "SASL needs security 'sasl_ssl' or 'sasl_plaintext'."
	case strings.HasSuffix(option, "_file") && !tls:
		return "Certificates need security 'ssl' or 'sasl_ssl'."
	case strings.HasPrefix(option, "sasl_oauthbearer_") && mechanism.text != "" && mechanism.text != oauthBearer:
		return "The option needs sasl_mechanism 'OAUTHBEARER'."
	case (option == "sasl_username" || option == "sasl_password") && mechanism.text == oauthBearer:
		return "The mechanism OAUTHBEARER has sasl_oauthbearer_token, or sasl_oauthbearer_token_endpoint_url with a client."
	}
	return ""
}
