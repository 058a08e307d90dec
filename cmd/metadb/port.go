package main

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"

	"gopkg.in/ini.v1"
)

// readPort reads what concerns the SQL port.
func (c *conf) readPort(main *ini.Section, dir string) (err error) {
	for _, f := range []struct {
		key string
		to  *bool
	}{{"allow_passwordless_local", &c.AllowPasswordlessLocal}, {"allow_plaintext_remote", &c.AllowPlaintextRemote}} {
		if !main.HasKey(f.key) {
			continue
		}
		if *f.to, err = main.Key(f.key).Bool(); err != nil {
			return fmt.Errorf("%s: expected true or false", f.key)
		}
	}
	if main.Key("max_clients").String() != "" {
		if c.MaxClients, err = main.Key("max_clients").Int(); err != nil || c.MaxClients < 0 {
			return errors.New("max_clients: expected a number, or 0 for no bound")
		}
	}
	if c.ListenAddresses, err = parseListen(main.Key("listen_addresses").MustString("127.0.0.1")); err != nil {
		return fmt.Errorf("listen_addresses: %w", err)
	}
	for _, one := range main.Key("allowed_networks").Strings(",") {
		network, err := parseNetwork(one)
		if err != nil {
			return fmt.Errorf("allowed_networks: expected networks such as 10.1.0.0/16, not \"%s\"", one)
		}
		c.AllowedNetworks = append(c.AllowedNetworks, network)
	}
	c.TLSCertificate, c.TLSKey = main.Key("tls_certificate").String(), main.Key("tls_key").String()
	if (c.TLSCertificate == "") != (c.TLSKey == "") {
		return errors.New("tls_certificate and tls_key: expected both or neither")
	}
	for _, file := range []*string{&c.TLSCertificate, &c.TLSKey} {
		if *file != "" && !filepath.IsAbs(*file) {
			*file = filepath.Join(dir, *file)
		}
	}
	return nil
}

// parseNetwork reads a network, or one address.
func parseNetwork(text string) (netip.Prefix, error) {
	if addr, err := netip.ParseAddr(text); err == nil {
		return addr.Prefix(addr.BitLen())
	}
	network, err := netip.ParsePrefix(text)
	return network.Masked(), err
}
