package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/term"
	"slotfs/sftpdest"
	"slotfs/sftpdest/auth"
)

// hostKeys gets what the server proves itself with, and has somebody accept it. All keys of the server are pinned, so
// that one that prefers another of them later raises no alarm; of a fingerprint that was given, that key alone: the
// others are not vouched for.
func (a *adding) hostKeys(ctx context.Context, d *config.Destination, remote sftpdest.Settings) ([]string, error) {
	if file := a.c.String("host-ca"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--host-ca: %w", err)
		}
		lines, err := auth.HostAuthorities(text)
		if err != nil {
			return nil, exit.With(fmt.Errorf("--host-ca %s: %w", file, err), exit.Usage, "give the public key of the authority that signs host keys")
		}
		return lines, nil
	}
	keys, err := auth.FetchHostKeys(ctx, remote, a.ConnectionOptions(d))
	if err != nil {
		return nil, err
	}
	if want := a.c.String("accept-host-key"); want != "" {
		return wanted(keys, want)
	}
	var lines []string
	for _, key := range keys {
		lines = append(lines, key.Line)
	}
	return lines, a.accept(ctx, d, keys)
}

// wanted picks the key with a fingerprint.
func wanted(keys []auth.HostKey, want string) ([]string, error) {
	var offered []string
	for _, key := range keys {
		if sameFingerprint(key.Fingerprint, want) {
			return []string{key.Line}, nil
		}
		offered = append(offered, keyWords(key))
	}
	err := fmt.Errorf("host key: not the accepted one; the server offers %s", strings.Join(offered, ", "))
	return nil, exit.With(err, exit.Refused, "compare with `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` on the server")
}

// sameFingerprint compares what the server has with what was typed, with or without its prefix.
func sameFingerprint(got, want string) bool {
	trim := func(s string) string {
		return strings.TrimRight(strings.TrimPrefix(strings.TrimSpace(s), "SHA256:"), "=")
	}
	return trim(got) == trim(want)
}

func keyWords(key auth.HostKey) string {
	return strings.ToUpper(strings.TrimPrefix(key.Type, "ssh-")) + " " + key.Fingerprint
}

// accept has somebody look at the keys.
func (a *adding) accept(ctx context.Context, d *config.Destination, keys []auth.HostKey) error {
	for _, key := range keys {
		fmt.Fprintf(a.err, "The host key of %s is %s\n", d.Host, keyWords(key))
	}
	if a.c.Bool("accept-new-host-key") {
		return nil
	}
	question := "Is that the server's key?"
	if len(keys) > 1 {
		question = "Are those the server's keys?"
	}
	yes, err := a.terminal.Confirm(ctx, question)
	hint := "give --accept-host-key " + keys[0].Fingerprint + " once you compared it with the server's"
	switch {
	case errors.Is(err, term.ErrNoTerminal):
		return exit.With(fmt.Errorf("host key: %w", err), exit.Refused, hint)
	case err != nil:
		return err
	case !yes:
		return exit.With(errors.New("host key: refused"), exit.Refused, "")
	}
	return nil
}
