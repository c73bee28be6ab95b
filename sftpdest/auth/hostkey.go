package auth

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"slotfs/sftpdest/foreign"
	"slotfs/sftpdest/settings"
)

// HostKey is a server's public key.
type HostKey struct {
	Type        string // "ssh-ed25519"
	Fingerprint string // "SHA256:..."
	Line        string // as Settings.HostKeys takes it
}

func hostKey(key ssh.PublicKey) HostKey {
	return HostKey{
		Type: key.Type(), Fingerprint: ssh.FingerprintSHA256(key),
		Line: lineOf(key),
	}
}

// Fingerprint tells the SHA-256 fingerprint of a key's line, as ssh-keygen -l prints it.
func Fingerprint(line string) (string, error) {
	line = strings.TrimPrefix(line, authorityMark)
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return "", fmt.Errorf("host key %s: %w", foreign.Show(line), err)
	}
	return ssh.FingerprintSHA256(key), nil
}

// keyTypes are the types of host keys, best first, with the algorithms that sign with them. SHA-1 comes last, if at all.
func keyTypes(legacy bool) [][]string {
	rsa := []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
	if legacy {
		rsa = append(rsa, ssh.KeyAlgoRSA)
	}
	return [][]string{
		{ssh.KeyAlgoED25519},
		{ssh.KeyAlgoECDSA256}, {ssh.KeyAlgoECDSA384}, {ssh.KeyAlgoECDSA521},
		rsa,
	}
}

// errKeySeen ends a handshake whose host key is all that was wanted.
var errKeySeen = errors.New("host key seen")

// FetchHostKey tells the key that the server offers, without logging in. It is for showing the fingerprint to
// somebody who confirms it.
func FetchHostKey(ctx context.Context, s settings.Settings, o settings.Options) (HostKey, error) {
	var all []string
	for _, algorithms := range keyTypes(s.LegacyAlgorithms) {
		all = append(all, algorithms...)
	}
	return fetchHostKey(ctx, s, o, all)
}

// FetchHostKeys tells one key of every type that the server has, the best one first. Pin all of them: a server that loses one
// of its keys then raises no alarm. The first connection tells which types there are, and each further one brings a key.
func FetchHostKeys(ctx context.Context, s settings.Settings, o settings.Options) ([]HostKey, error) {
	_, err := fetchHostKey(ctx, s, o, []string{noAlgorithm})
	var none *ssh.AlgorithmNegotiationError
	if !errors.As(err, &none) || none.What != "host key" {
		return nil, err
	}
	var keys []HostKey
	for _, algorithms := range keyTypes(s.LegacyAlgorithms) {
		if !slices.ContainsFunc(algorithms, func(a string) bool { return slices.Contains(none.RequestedAlgorithms, a) }) {
			continue
		}
		key, err := fetchAgain(ctx, s, o, algorithms)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, err
	}
	return keys, nil
}

// noAlgorithm is offered to hear which ones the server has.
const noAlgorithm = "none@slotfs"

// fetchAgain is fetchHostKey from a server that answered a moment ago. One that counts connections may not have seen
// yet that the last one ended, and closes the next one without a word.
func fetchAgain(ctx context.Context, s settings.Settings, o settings.Options, algorithms []string) (HostKey, error) {
	const longest = 3 * time.Second
	for pause := 100 * time.Millisecond; ; pause *= 3 {
		key, err := fetchHostKey(ctx, s, o, algorithms)
		var none *ssh.AlgorithmNegotiationError
		if err == nil || errors.As(err, &none) || pause > longest {
			return key, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return HostKey{}, ctx.Err()
		}
	}
}

func fetchHostKey(ctx context.Context, s settings.Settings, o settings.Options, algorithms []string) (HostKey, error) {
	if s.Username == "" {
		s.Username = "nobody" // it is not sent
	}
	s, err := s.WithDefaults()
	if err != nil {
		return HostKey{}, err
	}
	var seen HostKey
	config := sshConfig(s)
	config.HostKeyAlgorithms = algorithms
	config.HostKeyCallback = func(_ string, _ net.Addr, key ssh.PublicKey) error {
		seen = hostKey(key)
		return errKeySeen
	}
	ctx, cancel := context.WithTimeout(ctx, s.ConnectionTimeout)
	defer cancel()
	c, err := handshake(ctx, s, o.WithDefaults(), config)
	if err == nil {
		c.Close()
	}
	if seen.Line != "" {
		return seen, nil
	}
	return HostKey{}, &UnreachableError{Address: s.Address(), Err: err}
}
