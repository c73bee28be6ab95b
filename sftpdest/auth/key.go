package auth

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"fmt"
	"os"
	"strings"

	"golang.org/x/crypto/ssh"
)

// Key is a key pair that is made for one destination.
type Key struct {
	Private []byte // in OpenSSH's format, without a passphrase
	Line    string // of the public half, as authorized_keys takes it
}

// NewKey makes an ed25519 key. comment tells whose it is to people who look into authorized_keys.
func NewKey(comment string) (*Key, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	comment = strings.Join(strings.Fields(comment), "-")
	block, err := ssh.MarshalPrivateKey(private, comment)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return &Key{Private: pem.EncodeToMemory(block), Line: lineOf(key) + " " + comment}, nil
}

// PublicLine tells the public half of a private key in a file that has no passphrase.
func PublicLine(identityFile string) (string, error) {
	pem, err := os.ReadFile(identityFile)
	if err != nil {
		return "", &IdentityError{File: identityFile, Err: err}
	}
	signer, err := ssh.ParsePrivateKey(pem)
	if err != nil {
		return "", &IdentityError{File: identityFile, Err: err}
	}
	return lineOf(signer.PublicKey()), nil
}

func lineOf(key ssh.PublicKey) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))
}

// sameKey reports whether a line of authorized_keys, whatever options it has, is about key.
func sameKey(line []byte, key ssh.PublicKey) bool {
	known, _, _, _, err := ssh.ParseAuthorizedKey(line)
	return err == nil && string(known.Marshal()) == string(key.Marshal())
}
