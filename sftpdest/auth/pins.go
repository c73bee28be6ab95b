package auth

import (
	"errors"
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"

	"slotfs/sftpdest/foreign"
	"slotfs/sftpdest/settings"
)

// authorityMark stands before the key of an authority that signs host keys, as in known_hosts (sshd(8)).
const authorityMark = "@cert-authority "

// Pins are the host keys that were confirmed, and the authorities whose certificates are taken.
type Pins struct {
	address     string
	legacy      bool
	keys        []ssh.PublicKey
	authorities []ssh.PublicKey
}

func ParsePins(s settings.Settings) (*Pins, error) {
	p := &Pins{address: s.Address(), legacy: s.LegacyAlgorithms}
	for _, line := range s.HostKeys {
		rest, authority := strings.CutPrefix(line, authorityMark)
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(rest))
		if err != nil {
			return nil, fmt.Errorf("host key %s: %w", foreign.Show(line), err)
		}
		if authority {
			p.authorities = append(p.authorities, key)
		} else {
			p.keys = append(p.keys, key)
		}
	}
	return p, nil
}

// HostAuthorities reads the public keys of authorities from a file: lines as in authorized_keys, or the
// "@cert-authority HOSTS KEY" lines of a known_hosts file. What it returns is for Settings.HostKeys.
func HostAuthorities(text []byte) ([]string, error) {
	var lines []string
	for number, line := range strings.Split(string(text), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if rest, marked := strings.CutPrefix(line, authorityMark); marked {
			_, after, _ := strings.Cut(strings.TrimSpace(rest), " ") // without the hosts
			key, _, _, _, err = ssh.ParseAuthorizedKey([]byte(after))
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: not a public key", number+1)
		}
		lines = append(lines, authorityMark+lineOf(key))
	}
	if len(lines) == 0 {
		return nil, errors.New("no public key in it")
	}
	return lines, nil
}

// certAlgorithms are those of host certificates, best first.
func certAlgorithms() []string {
	return []string{
		ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
		ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
	}
}

// algorithms are those of the pinned types: a server with several keys then offers one that is known.
func (p *Pins) algorithms() []string {
	known := make(map[string]bool)
	for _, key := range p.keys {
		known[key.Type()] = true
	}
	known[ssh.KeyAlgoRSASHA512] = known[ssh.KeyAlgoRSA]
	known[ssh.KeyAlgoRSASHA256] = known[ssh.KeyAlgoRSA]
	var all []string
	if len(p.authorities) > 0 {
		all = certAlgorithms()
	}
	for _, algorithms := range keyTypes(p.legacy) {
		for _, a := range algorithms {
			if known[a] || len(p.keys)+len(p.authorities) == 0 {
				all = append(all, a)
			}
		}
	}
	return all
}

// check accepts a key that is pinned, and a certificate for this host that a pinned authority signed.
func (p *Pins) check(address string, remote net.Addr, key ssh.PublicKey) error {
	certificate, certified := key.(*ssh.Certificate)
	if certified {
		key = certificate.Key // whose holder the server proved to be
	}
	for _, known := range p.keys {
		if string(known.Marshal()) == string(key.Marshal()) {
			return nil
		}
	}
	if !certified {
		return p.refuse(hostKey(key))
	}
	checker := ssh.CertChecker{IsHostAuthority: func(by ssh.PublicKey, _ string) bool {
		for _, known := range p.authorities {
			if string(known.Marshal()) == string(by.Marshal()) {
				return true
			}
		}
		return false
	}}
	if err := checker.CheckHostKey(address, remote, certificate); err != nil {
		e := p.refuse(hostKey(certificate.Key))
		e.Err = fmt.Errorf("its certificate by %s: %w", ssh.FingerprintSHA256(certificate.SignatureKey), err)
		return e
	}
	return nil
}

// refuse makes the error about a key; the zero HostKey stands for one of another type than the pinned ones.
func (p *Pins) refuse(offered HostKey) *HostKeyError {
	e := &HostKeyError{Address: p.address}
	if offered.Line != "" {
		e.Offered = offered.Fingerprint + " (" + offered.Type + ")"
	}
	for _, known := range p.keys {
		e.Known = append(e.Known, ssh.FingerprintSHA256(known)+" ("+known.Type()+")")
	}
	for _, known := range p.authorities {
		e.Known = append(e.Known, "certificates by "+ssh.FingerprintSHA256(known)+" ("+known.Type()+")")
	}
	return e
}
