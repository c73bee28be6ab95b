package sftpdest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/foreign"
	"slotfs/sftpdest/session"
)

func TestALostConnectionIsNotTheEndOfAFile(t *testing.T) {
	t.Parallel()
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF} {
		cause := fmt.Errorf("ssh: handshake failed: %w", end)
		for _, err := range []error{&auth.UnreachableError{Address: "a:22", Err: cause}, &auth.AuthError{Err: cause}, fmt.Errorf("%w: %w", session.ErrLost, foreign.Unended(cause))} {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%v is the end of a file", err)
			}
			if !strings.Contains(err.Error(), "handshake failed") {
				t.Errorf("%v does not say why", err)
			}
		}
	}
	other := &auth.UnreachableError{Err: &net.DNSError{IsNotFound: true}}
	if !errors.Is(other, dest.ErrUnreachable) || !errors.As(error(other), new(*net.DNSError)) {
		t.Errorf("%v lost its causes", other)
	}
}
