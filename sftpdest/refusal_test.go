package sftpdest

import (
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"

	"slotfs/indexer/dest"
	"slotfs/sftpdest/session"
	"slotfs/sftpdest/sshdtest"
)

func TestWhatTheServerSaysInsteadOfSFTPIsTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		local sshdtest.LocalOptions
		word  string
	}{
		"a login script": {sshdtest.LocalOptions{Serve: sshdtest.Odd("/", sshdtest.Oddities{Banner: "Welcome to box 7!\r\nHave fun\r\n"})}, "Welcome to box 7! Have fun"},
		"a short one":    {sshdtest.LocalOptions{Serve: sshdtest.Odd("/", sshdtest.Oddities{Banner: "hello\n"})}, "hello"},
		"standard error": {sshdtest.LocalOptions{Refusal: "This account is currently not available.\n"}, "currently not available"},
	} {
		t.Run(name, func(t *testing.T) {
			c.local.Password = secret
			s := localSettings(startLocal(t, c.local))
			s.Password = secret
			err := newDest(t, s, Options{Backoff: time.Millisecond}).Connect(t.Context())
			hinted(t, err, dest.ErrUnreachable, c.word)
			var none *session.NoSFTPError
			if !errors.As(err, &none) {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestSecondFactorIsTold(t *testing.T) {
	t.Parallel()
	identity, line := newKeyFile(t)
	key := strings.Join(strings.Fields(line)[:2], " ")
	s := localSettings(startLocal(t, sshdtest.LocalOptions{Authorized: key, SecondFactor: "Verification code: "}))
	s.IdentityFile = identity
	hinted(t, newDest(t, s, Options{}).Connect(t.Context()), dest.ErrAuth, "takes the key", "second factor")
	s.Password = secret // which is no code
	hinted(t, newDest(t, s, Options{}).Connect(t.Context()), dest.ErrAuth, "takes the key")
}

func TestQuestionThatIsNoPasswordIsTold(t *testing.T) {
	t.Parallel()
	s := localSettings(startLocal(t, sshdtest.LocalOptions{Interactive: "123456"}))
	s.Password = secret
	hinted(t, newDest(t, s, Options{}).Connect(t.Context()), dest.ErrAuth, "Password:")
}

func TestExpiredPasswordAndForcedCommandAreTold(t *testing.T) {
	t.Parallel()
	forced, _ := passwordServer(t, "ForceCommand echo no files here\n")
	hinted(t, newDest(t, forced, Options{Backoff: time.Millisecond}).Connect(t.Context()), dest.ErrUnreachable, "no files here")
	s, u := passwordServer(t, "")
	if out, err := exec.Command("chage", "-d", "0", u.Name).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	err := newDest(t, s, Options{Backoff: time.Millisecond}).Connect(t.Context())
	hinted(t, err, dest.ErrUnreachable, "status 1") // sshd without PAM says no more
	if hint := new(session.NoSFTPError).Hint(); !strings.Contains(hint, "new password") {
		t.Error(hint)
	}
}
