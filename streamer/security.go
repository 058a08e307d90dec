package streamer

import (
	"fmt"
	"slices"
	"strings"

	"metadb/catalog"
)

// Values of the options security and sasl_mechanism.
var (
	protocols  = []string{"ssl", "plaintext", "sasl_ssl", "sasl_plaintext"}
	mechanisms = []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", oauthBearer}
)

const oauthBearer = "OAUTHBEARER"

func hasTLS(s catalog.Security) bool  { return strings.HasSuffix(s.Protocol, "ssl") }
func hasSASL(s catalog.Security) bool { return strings.HasPrefix(s.Protocol, "sasl_") }

// checkSecurity finds settings that cannot work, before a broker is asked. The
// grammar has seen single options; here they are seen together, and so are those
// of a direct CALL.
func checkSecurity(s catalog.Security) error {
	if !slices.Contains(protocols, s.Protocol) {
		return wrongSetting(fmt.Sprintf("option security: %q is not supported", s.Protocol), "valid values are: "+strings.Join(protocols, ", "))
	}
	if !hasTLS(s) && (s.CAFile != "" || s.CertFile != "" || s.KeyFile != "") {
		return wrongSetting(fmt.Sprintf("options ca_file, cert_file and key_file do not fit security %q", s.Protocol), "set security 'ssl' or 'sasl_ssl'")
	}
	if (s.CertFile == "") != (s.KeyFile == "") {
		return wrongSetting("of the options cert_file and key_file only one is set", "set both or none")
	}
	return checkSASL(s)
}

func checkSASL(s catalog.Security) error {
	named := s.Username != "" || s.Password != ""
	bearer := s.Token != "" || s.TokenEndpoint != "" || s.ClientID != "" || s.ClientSecret != "" || s.Scope != ""
	switch {
	case !hasSASL(s) && (s.Mechanism != "" || named || bearer):
		return wrongSetting(fmt.Sprintf("options sasl_… do not fit security %q", s.Protocol), "set security 'sasl_ssl' or 'sasl_plaintext'")
	case !hasSASL(s):
		return nil
	case s.Mechanism == "":
		return wrongSetting("option sasl_mechanism is not set", "valid values are: "+strings.Join(mechanisms, ", "))
	case !slices.Contains(mechanisms, s.Mechanism):
		return wrongSetting(fmt.Sprintf("option sasl_mechanism: %q is not supported", s.Mechanism), "valid values are: "+strings.Join(mechanisms, ", "))
	case s.Mechanism != oauthBearer && bearer:
		return wrongSetting(fmt.Sprintf("options sasl_oauthbearer_… do not fit sasl_mechanism %q", s.Mechanism), "")
	case s.Mechanism != oauthBearer && (s.Username == "" || s.Password == ""):
		return wrongSetting(fmt.Sprintf("sasl_mechanism %q needs the options sasl_username and sasl_password", s.Mechanism), "")
	case s.Mechanism != oauthBearer:
		return nil
	case named:
		return wrongSetting("options sasl_username and sasl_password do not fit sasl_mechanism \"OAUTHBEARER\"", "set sasl_oauthbearer_…")
	case s.Token == "" && (s.TokenEndpoint == "" || s.ClientID == "" || s.ClientSecret == ""):
		return wrongSetting("sasl_mechanism \"OAUTHBEARER\" needs the option sasl_oauthbearer_token, or "+
			"sasl_oauthbearer_token_endpoint_url, sasl_oauthbearer_client_id and sasl_oauthbearer_client_secret", "")
	case s.Token != "" && s.TokenEndpoint != "":
		return wrongSetting("of the options sasl_oauthbearer_token and sasl_oauthbearer_token_endpoint_url both are set", "set one")
	}
	return checkEndpoint(s.TokenEndpoint)
}
