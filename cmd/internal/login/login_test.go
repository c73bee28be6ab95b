package login

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// clock is a time that tests set.
type clock struct{ at atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.at.Store(noon.UnixNano())
	return c
}

func (c *clock) Now() time.Time { return time.Unix(0, c.at.Load()) }

func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

func newLinks(t *testing.T) (*Links, *clock) {
	t.Helper()
	c := newClock()
	return &Links{Dir: filepath.Join(t.TempDir(), "access"), Now: c.Now}, c
}

func (s *Links) must(t *testing.T, l Link) (Link, string) {
	t.Helper()
	made, token, err := s.Make(l)
	if err != nil {
		t.Fatal(err)
	}
	return made, token
}

func alice(c *clock, once bool) Link {
	return Link{Who: Identity{Account: "alice"}, Expires: c.Now().Add(15 * time.Minute), Once: once}
}

func TestLinkLetsInUntilItEnds(t *testing.T) {
	t.Parallel()
	s, c := newLinks(t)
	made, token := s.must(t, alice(c, false))
	for range 2 {
		used, err := s.Use(token, false)
		if err != nil || used.Who.Account != "alice" || used.ID != made.ID {
			t.Fatalf("%+v, %v", used, err)
		}
	}
	if _, err := s.Use(token, true); !errors.Is(err, ErrLink) {
		t.Errorf("as a password of SFTP: %v", err)
	}
	c.advance(15 * time.Minute)
	if _, err := s.Use(token, false); !errors.Is(err, ErrLink) {
		t.Errorf("after its end: %v", err)
	}
	if all, err := s.List(); err != nil || len(all) != 1 || all[0].Used.IsZero() {
		t.Errorf("%+v, %v", all, err)
	}
	c.advance(8 * 24 * time.Hour)
	s.must(t, alice(c, false))
	if all, err := s.List(); err != nil || len(all) != 1 {
		t.Errorf("a week later: %+v, %v", all, err)
	}
}

func TestLinkForOneUseIsUsedOnceByHoweverMany(t *testing.T) {
	t.Parallel()
	s, c := newLinks(t)
	_, token := s.must(t, alice(c, true))
	var in atomic.Int32
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() { // with a list of its own, as another process has one
			if _, err := (&Links{Dir: s.Dir, Now: s.Now}).Use(token, false); err == nil {
				in.Add(1)
			}
		})
	}
	wait.Wait()
	if in.Load() != 1 {
		t.Errorf("it let %d in", in.Load())
	}
}

func TestRevokedLinkLetsNobodyIn(t *testing.T) {
	t.Parallel()
	s, c := newLinks(t)
	made, token := s.must(t, alice(c, false))
	sessions := &Sessions{Idle: time.Hour, Max: time.Hour, Now: c.Now, Revoked: func(id string) bool {
		revoked, err := s.Revoked(id)
		return revoked || err != nil
	}}
	_, cookie := sessions.Begin(made.Who, made.ID)
	if _, ok := sessions.Get(cookie); !ok {
		t.Fatal("no session")
	}
	if err := (&Links{Dir: s.Dir, Now: s.Now}).Revoke(made.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Use(token, false); !errors.Is(err, ErrLink) {
		t.Errorf("use: %v", err)
	}
	if _, ok := sessions.Get(cookie); ok {
		t.Error("its session goes on")
	}
	if err := s.Revoke("0000000000000000"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an unknown one: %v", err)
	}
}

// Every bit of a token counts, and what it lets in cannot be changed in the list either.
func TestForgedTokensLetNobodyIn(t *testing.T) {
	t.Parallel()
	s, c := newLinks(t)
	_, token := s.must(t, alice(c, false))
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(raw) * 8 {
		raw[i/8] ^= 1 << (i % 8)
		if _, err := s.Use(base64.RawURLEncoding.EncodeToString(raw), false); !errors.Is(err, ErrLink) {
			t.Fatalf("bit %d: %v", i, err)
		}
		raw[i/8] ^= 1 << (i % 8)
	}
	for _, other := range []string{"", token[1:], token + "A", token + "\n", strings.Repeat("A", len(token))} {
		if _, err := s.Use(other, false); !errors.Is(err, ErrLink) {
			t.Errorf("%q: %v", other, err)
		}
	}
	text, err := os.ReadFile(s.path())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.path(), []byte(strings.Replace(string(text), `"alice"`, `"bobby"`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if l, err := (&Links{Dir: s.Dir, Now: s.Now}).Use(token, false); !errors.Is(err, ErrLink) {
		t.Errorf("with another account in the list: %+v, %v", l, err)
	}
}

func TestWhatIsNoLinkIsRefused(t *testing.T) {
	t.Parallel()
	s, c := newLinks(t)
	for name, l := range map[string]Link{
		"nobody":      {Expires: c.Now().Add(time.Minute)},
		"two at once": {Who: Identity{Account: "a", Name: "b"}, Expires: c.Now().Add(time.Minute)},
		"ended":       {Who: Root, Expires: c.Now()},
		"for ever":    {Who: Root, Expires: c.Now().Add(MaxValid + time.Second)},
	} {
		if _, _, err := s.Make(l); err == nil {
			t.Errorf("%s: made", name)
		}
	}
	if _, err := s.Use(strings.Repeat("A", 64), false); !errors.Is(err, ErrLink) {
		t.Errorf("before the first link: %v", err)
	}
	made, _ := s.must(t, Link{Who: Root, Expires: c.Now().Add(time.Minute)})
	if info, err := os.Stat(filepath.Join(s.Dir, "link.key")); err != nil || info.Mode().Perm() != 0o600 || made.ID == "" {
		t.Errorf("key: %v, %v", info, err)
	}
}

func TestSessionsEnd(t *testing.T) {
	t.Parallel()
	c := newClock()
	s := &Sessions{Idle: 30 * time.Minute, Max: 2 * time.Hour, Now: c.Now}
	session, cookie := s.Begin(Root, "")
	if !session.Proves(session.CSRF) || session.Proves("") || session.Proves(cookie) {
		t.Error("proof of a change")
	}
	for range 4 {
		c.advance(29 * time.Minute)
		if _, ok := s.Get(cookie); !ok {
			t.Fatal("a session in use ended")
		}
	}
	c.advance(5 * time.Minute)
	if _, ok := s.Get(cookie); ok {
		t.Error("a session without end")
	}
	_, cookie = s.Begin(Root, "")
	c.advance(31 * time.Minute)
	if _, ok := s.Get(cookie); ok {
		t.Error("an idle session goes on")
	}
	_, cookie = s.Begin(Root, "")
	s.End(cookie)
	if _, ok := s.Get(cookie); ok {
		t.Error("after the log-out")
	}
	if _, ok := s.Get(""); ok {
		t.Error("without a cookie")
	}
}

func TestAdministrators(t *testing.T) {
	t.Parallel()
	a := &Admins{Dir: filepath.Join(t.TempDir(), "access"), Now: newClock().Now}
	check := func(name, password string, want bool) {
		t.Helper()
		if ok, err := a.Check(name, password); ok != want || err != nil {
			t.Errorf("%s %q: %t, %v", name, password, ok, err)
		}
	}
	check("anna", "anything at all", false)
	for _, bad := range []struct{ name, password string }{{"anna", "short"}, {"../x", "long enough to be one"}, {"anna", strings.Repeat("x", 2000)}} {
		if err := a.Set(bad.name, bad.password); err == nil {
			t.Errorf("%+v was taken", bad)
		}
	}
	if err := a.Set("anna", "correct horse battery"); err != nil {
		t.Fatal(err)
	}
	check("anna", "correct horse battery", true)
	check("anna", "correct horse batterx", false)
	check("bert", "correct horse battery", false)
	if err := a.Set("anna", "another one altogether"); err != nil {
		t.Fatal(err)
	}
	check("anna", "correct horse battery", false)
	text, err := os.ReadFile(a.path())
	if err != nil || strings.Contains(string(text), "another") {
		t.Errorf("%s, %v", text, err)
	}
	if err := a.Remove("anna"); err != nil {
		t.Fatal(err)
	}
	check("anna", "another one altogether", false)
	if err := a.Remove("anna"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("again: %v", err)
	}
}

func TestGuessesAreSlowedDown(t *testing.T) {
	t.Parallel()
	c := newClock()
	th := &Throttle{Failures: 3, Interval: 10 * time.Second, Now: c.Now}
	address := func(text string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(text), Port: 1} }
	from, other := AddressOf(address("2001:db8::1")), AddressOf(address("2001:db8:0:1::1"))
	for range 3 {
		if !th.May(from) {
			t.Fatal("too early")
		}
		th.Failed(from)
	}
	if th.May(from) || th.May(AddressOf(address("2001:db8::ffff"))) {
		t.Error("a fourth guess from the same network")
	}
	if !th.May(other) || !th.May(AddressOf(address("192.0.2.1"))) {
		t.Error("others wait too")
	}
	c.advance(10 * time.Second)
	if !th.May(from) {
		t.Error("after the pause")
	}
	for i := range 2 * rememberedAddresses {
		th.Failed(AddressOf(address(fmt.Sprintf("10.1.%d.%d", i>>8, i&255))))
	}
	if th.left.Weight() > rememberedAddresses {
		t.Errorf("%d addresses are remembered", th.left.Weight())
	}
}

func TestALinkOfAClockThatWasAheadLetsNobodyInForYears(t *testing.T) {
	links, c := newLinks(t)
	c.advance(4 * 365 * 24 * time.Hour)
	_, token, err := links.Make(alice(c, false))
	if err != nil {
		t.Fatal(err)
	}
	c.advance(-4 * 365 * 24 * time.Hour)
	if _, err := links.Use(token, false); err == nil {
		t.Error("it lets somebody in")
	}
}
