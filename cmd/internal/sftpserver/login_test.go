package sftpserver

import (
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"slotfs/sftpdest/auth"
)

func TestWhoMayLogIn(t *testing.T) {
	t.Parallel()
	p := newPeople(t)
	mine, err := auth.NewKey("mine")
	if err != nil {
		t.Fatal(err)
	}
	other, err := auth.NewKey("other")
	if err != nil {
		t.Fatal(err)
	}
	p.keys["alice"] = []string{"not a key", mine.Line}
	s := serve(t, Limits{}, p)
	signer := func(k *auth.Key) ssh.AuthMethod {
		private, err := ssh.ParsePrivateKey(k.Private)
		if err != nil {
			t.Fatal(err)
		}
		return ssh.PublicKeys(private)
	}
	for what, c := range map[string]struct {
		user   string
		method ssh.AuthMethod
		in     bool
	}{
		"wrong password": {"alice", ssh.Password("twice"), false},
		"no password":    {"alice", ssh.Password(""), false},
		"unknown user":   {"bob", ssh.Password("once"), false},
		"key":            {"alice", signer(mine), true},
		"wrong key":      {"alice", signer(other), false},
		"wrong user":     {"bob", signer(mine), false},
	} {
		client, err := dial(s, c.user, c.method)
		if (err == nil) != c.in {
			t.Errorf("%s: %v", what, err)
		}
		if err == nil {
			client.Close()
		}
	}
	logIn(t, s)
	if c, err := dial(s, "alice", ssh.Password("once")); err == nil {
		c.Close()
		t.Error("the password was taken twice")
	}
}

func TestFailedLogInsShutTheDoor(t *testing.T) {
	t.Parallel()
	s := serve(t, Limits{Failures: 3, FailureInterval: time.Hour}, newPeople(t))
	for range 3 {
		if c, err := dial(s, "alice", ssh.Password("guess")); err == nil {
			c.Close()
			t.Fatal("a guess was right")
		}
	}
	if c, err := dial(s, "alice", ssh.Password("once")); err == nil {
		c.Close()
		t.Error("there was no pause after three guesses")
	}
}

func TestConnectionsAreLimited(t *testing.T) {
	t.Parallel()
	s := serve(t, Limits{PerAddress: 2}, newPeople(t))
	first, _ := logIn(t, s)
	silent, err := net.Dial("tcp", s.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	if _, err := io.ReadFull(silent, make([]byte, 4)); err != nil {
		t.Fatal(err) // the greeting: it was let in
	}
	if _, err := dial(s, "alice", ssh.Password("x")); err == nil || strings.Contains(err.Error(), "unable to authenticate") {
		t.Errorf("a third connection: %v", err)
	}
	first.Close()
	silent.Close()
}
