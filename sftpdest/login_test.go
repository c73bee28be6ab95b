package sftpdest

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/auth"
	"slotfs/sftpdest/sshdtest"
)

const secret = "correct horse"

func startLocal(t testing.TB, o sshdtest.LocalOptions) *sshdtest.Local {
	t.Helper()
	l, err := sshdtest.StartLocal(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func localSettings(l *sshdtest.Local) Settings {
	return Settings{Host: l.Host, Port: l.Port, Username: "u", HostKeys: l.HostKeys, MaxRetries: 1}
}

// hinted wants an error that is target, has a hint, and shows no secret.
func hinted(t *testing.T, err, target error, words ...string) {
	t.Helper()
	if !errors.Is(err, target) {
		t.Fatalf("%v, want %v", err, target)
	}
	var hint interface{ Hint() string }
	if !errors.As(err, &hint) || hint.Hint() == "" {
		t.Errorf("no hint: %v", err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q does not say %q", err, word)
		}
	}
	for _, form := range []string{"%v", "%+v", "%#v"} {
		if strings.Contains(fmt.Sprintf(form, err), secret) {
			t.Errorf("secret in %s of the error", form)
		}
	}
}

func TestPasswordLogsIn(t *testing.T) {
	t.Parallel()
	ask := func(context.Context) (Secret, error) { return secret, nil }
	for name, o := range map[string]sshdtest.LocalOptions{
		"password":             {Password: secret},
		"keyboard-interactive": {Interactive: secret},
		"both":                 {Interactive: secret, Password: secret},
	} {
		l := startLocal(t, o)
		s := localSettings(l)
		s.Directory, s.Password = t.TempDir(), secret
		if err := newDest(t, s, Options{}).Connect(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		s.Password, s.AskPassword = "", ask
		if err := newDest(t, s, Options{}).Connect(t.Context()); err != nil {
			t.Errorf("%s, asked for: %v", name, err)
		}
	}
}

func TestRefusedLogInIsNotRepeated(t *testing.T) {
	t.Parallel()
	l := startLocal(t, sshdtest.LocalOptions{Password: "other", Interactive: "other"})
	s := localSettings(l)
	s.Password, s.MaxRetries = secret, 0
	d := newDest(t, s, Options{Backoff: time.Millisecond})
	_, err := d.List(t.Context(), "")
	hinted(t, err, dest.ErrAuth, "u@127.0.0.1", "password, keyboard-interactive")
	tried := l.Logins()
	if tried > 2 {
		t.Errorf("%d secrets were sent", tried)
	}
	for range 20 {
		if _, err := d.List(t.Context(), ""); !errors.Is(err, dest.ErrAuth) {
			t.Errorf("List: %v", err)
		}
	}
	if l.Logins() != tried {
		t.Errorf("%d more attempts to log in", l.Logins()-tried)
	}
}

func TestWrongKeyUserPortAndHost(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, sshdtest.Options{})
	other, _, err := sshdtest.NewKey(t.TempDir(), "other")
	if err != nil {
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := free.Addr().(*net.TCPAddr).Port
	free.Close()
	tests := []struct {
		name   string
		change func(s *Settings)
		want   error
		words  []string
	}{
		{"key", func(s *Settings) { s.IdentityFile = other }, dest.ErrAuth, []string{"publickey", server.Address()}},
		{"user", func(s *Settings) { s.Username = "no-such-user" }, dest.ErrAuth, []string{"no-such-user@127.0.0.1"}},
		{"nothing", func(s *Settings) { s.IdentityFile = "" }, dest.ErrAuth, []string{"nothing to log in with"}},
		{"password", func(s *Settings) { s.IdentityFile, s.Password = "", "secret" }, dest.ErrAuth, []string{"nothing of the kind"}},
		{"port", func(s *Settings) { s.Port = port }, dest.ErrUnreachable, []string{fmt.Sprint(port), "connection refused"}},
		{"host", func(s *Settings) { s.Host = "no-such-host.invalid" }, dest.ErrUnreachable, []string{"no-such-host.invalid:"}},
		{"directory", func(s *Settings) { s.Directory = "/no/such/dir" }, fs.ErrNotExist, []string{"/no/such/dir"}},
		{"identity", func(s *Settings) { s.IdentityFile = "/no/such/key" }, dest.ErrAuth, []string{"/no/such/key"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := settingsOf(server)
			s.MaxRetries = 1
			test.change(&s)
			hinted(t, newDest(t, s, Options{Backoff: time.Millisecond}).Connect(t.Context()), test.want, test.words...)
		})
	}
}

func TestServerThatIsSilentDuringLogInIsLeft(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := Settings{
		Host: "127.0.0.1", Port: l.Addr().(*net.TCPAddr).Port, Username: "u", Password: secret,
		ConnectionTimeout: 50 * time.Millisecond, MaxRetries: 1, HostKeys: nil,
	}
	hinted(t, newDest(t, s, Options{Backoff: time.Millisecond}).Connect(t.Context()), dest.ErrUnreachable, "no answer in time")
}

func TestServerWithoutSFTPSaysSo(t *testing.T) {
	t.Parallel()
	l := startLocal(t, sshdtest.LocalOptions{Password: secret, NoSFTP: true})
	s := localSettings(l)
	s.Password = secret
	hinted(t, newDest(t, s, Options{Backoff: time.Millisecond}).Connect(t.Context()), dest.ErrUnreachable, "sftp")
}

func TestChangedHostKeyIsRefusedBeforeAnythingIsSent(t *testing.T) {
	t.Parallel()
	l := startLocal(t, sshdtest.LocalOptions{Password: secret})
	known := startLocal(t, sshdtest.LocalOptions{})
	s := localSettings(l)
	s.Password, s.HostKeys = secret, known.HostKeys
	was, err := auth.Fingerprint(known.HostKeys[0])
	if err != nil {
		t.Fatal(err)
	}
	is, err := auth.Fingerprint(l.HostKeys[0])
	if err != nil {
		t.Fatal(err)
	}
	hinted(t, newDest(t, s, Options{}).Connect(t.Context()), dest.ErrAuth, was, is, "changed")
	s.HostKeys = nil
	hinted(t, newDest(t, s, Options{}).Connect(t.Context()), dest.ErrAuth, is, "not known")
	if l.Logins() != 0 {
		t.Errorf("%d secrets were sent to a server that is not trusted", l.Logins())
	}
}

func TestOneOfSeveralHostKeysIsEnough(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, sshdtest.Options{HostKeys: []string{"ed25519", "ecdsa", "rsa"}})
	keys, err := auth.FetchHostKeys(t.Context(), settingsOf(server), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) != 3 {
		t.Fatalf("%d keys, want ed25519, ecdsa and rsa: %v", len(keys), keys)
	}
	for _, key := range keys {
		s := settingsOf(server)
		s.HostKeys = []string{key.Line}
		if err := newDest(t, s, Options{}).Connect(t.Context()); err != nil {
			t.Errorf("only %s is known: %v", key.Type, err)
		}
	}
	first, err := auth.FetchHostKey(t.Context(), settingsOf(server), Options{})
	if err != nil || first != keys[0] {
		t.Errorf("FetchHostKey: %v, %v, want %v", first, err, keys[0])
	}
}

func TestServerWithoutTheKnownTypeOfKeyIsRefused(t *testing.T) {
	t.Parallel()
	server := startSSHD(t, sshdtest.Options{HostKeys: []string{"ed25519"}})
	before := startSSHD(t, sshdtest.Options{HostKeys: []string{"rsa"}})
	s := settingsOf(server)
	s.HostKeys = before.HostKeys
	is, err := auth.Fingerprint(server.HostKeys[0])
	if err != nil {
		t.Fatal(err)
	}
	hinted(t, newDest(t, s, Options{}).Connect(t.Context()), dest.ErrAuth, is, "ssh-rsa")
}

func TestIdentityWithPassphrase(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(secret))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	l := startLocal(t, sshdtest.LocalOptions{Authorized: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))})
	s := localSettings(l)
	s.Directory, s.IdentityFile = t.TempDir(), file
	var identity *auth.IdentityError
	err = newDest(t, s, Options{}).Connect(t.Context())
	if !errors.As(err, &identity) {
		t.Errorf("no passphrase: %v", err)
	}
	s.Passphrase = "wrong"
	if err := newDest(t, s, Options{}).Connect(t.Context()); !errors.As(err, &identity) {
		t.Errorf("wrong passphrase: %v", err)
	}
	if l.Logins() != 0 {
		t.Error("a log-in was tried without a key")
	}
	s.Passphrase, s.AskPassphrase = "", func(context.Context) (Secret, error) { return secret, nil }
	if err := newDest(t, s, Options{}).Connect(t.Context()); err != nil {
		t.Errorf("passphrase asked for: %v", err)
	}
}

func TestAgentLogsIn(t *testing.T) {
	t.Parallel()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: private}); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "agent")
	socket, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	go func() {
		for {
			c, err := socket.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, c); c.Close() }()
		}
	}()
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	l := startLocal(t, sshdtest.LocalOptions{Authorized: strings.TrimSpace(string(ssh.MarshalAuthorizedKey(key)))})
	s := localSettings(l)
	s.Directory = t.TempDir()
	if err := newDest(t, s, Options{AgentPath: path}).Connect(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestSecretsAreNotPrinted(t *testing.T) {
	t.Parallel()
	s := Settings{Host: "h", Username: "u", Password: secret, Passphrase: secret}
	for _, form := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if text := fmt.Sprintf(form, s); strings.Contains(text, secret) || strings.Contains(text, fmt.Sprintf("%x", secret)) {
			t.Errorf("%s: %s", form, text)
		}
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Settings{
		"no host": {Username: "u"}, "no user": {Host: "h"}, "port": {Host: "h", Username: "u", Port: 70000},
		"retries": {Host: "h", Username: "u", MaxRetries: -1}, "key": {Host: "h", Username: "u", HostKeys: []string{"junk"}},
		"blank": {Host: "h h", Username: "u"},
	} {
		if d, err := New(s, Options{}); err == nil {
			d.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestPasswordThatCannotBeAskedForIsTheCause(t *testing.T) {
	t.Parallel()
	l := startLocal(t, sshdtest.LocalOptions{Password: secret})
	s := localSettings(l)
	noTerminal := errors.New("no terminal")
	s.AskPassword = func(context.Context) (Secret, error) { return "", noTerminal }
	err := newDest(t, s, Options{}).Connect(t.Context())
	hinted(t, err, dest.ErrAuth, "no terminal")
	if !errors.Is(err, noTerminal) || l.Logins() != 0 {
		t.Errorf("%v, %d log-ins", err, l.Logins())
	}
}

func TestOldAlgorithmsAreForWhoAsksForThem(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"group exchange": "KexAlgorithms diffie-hellman-group-exchange-sha256\n", "group14-sha1": "KexAlgorithms diffie-hellman-group14-sha1\n",
		"ssh-rsa": "HostKeyAlgorithms ssh-rsa\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := settingsOf(startSSHD(t, sshdtest.Options{HostKeys: []string{"rsa"}, Config: config}))
			_, err := auth.FetchHostKeys(t.Context(), s, Options{})
			hinted(t, err, dest.ErrUnreachable, "no common algorithm")
			hinted(t, newDest(t, s, Options{Backoff: time.Millisecond}).Connect(t.Context()), dest.ErrUnreachable, "no common algorithm")
			s.LegacyAlgorithms = true
			keys, err := auth.FetchHostKeys(t.Context(), s, Options{})
			if err != nil || len(keys) != 1 || keys[0].Line != s.HostKeys[0] {
				t.Fatalf("%v, %v", keys, err)
			}
			if err := newDest(t, s, Options{}).Connect(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}
