package panel

import (
	"context"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tree makes files below a root.
func tree(t *testing.T, files map[string]string) string {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func TestTheFeatureIsWithheldWhereItsPackageSaysSo(t *testing.T) {
	root := tree(t, map[string]string{
		"var/cpanel/users/alice": "DOMAIN=a.example\nFEATURELIST=gold\n", "var/cpanel/users/bob": "FEATURELIST=tin\n", "var/cpanel/users/carol": "PLAN=x\n",
		"var/cpanel/users/dave": "FEATURELIST=../../../etc\n", "var/cpanel/users/eve": "FEATURELIST=none\n",
		"var/cpanel/features/gold": "files=1\nslotfs=1\n", "var/cpanel/features/tin": "slotfs=0\n", "var/cpanel/features/default": "slotfs=0\n",
	})
	for account, want := range map[string]bool{"alice": false, "bob": true, "carol": true, "dave": true, "eve": false, "nobody-there": false, "": true, "../users/bob": true} {
		if got := Withholds(root, account); got != want {
			t.Errorf("%q: withheld %v, want %v", account, got, want)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "var/cpanel/features/disabled"), []byte("slotfs=0\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if !Withholds(root, "alice") {
		t.Error("what is disabled for everybody is granted")
	}
}

func TestOnlyRootAndResellersWithEverythingAdminister(t *testing.T) {
	root := tree(t, map[string]string{"var/cpanel/resellers": "carol:list-accts,all\nbob:list-accts,allow-x\nall:nothing\n"})
	for user, want := range map[string]bool{"root": true, "carol": true, "bob": false, "all": false, "": false, "carol:list-accts,all": false, "nobody": false} {
		if got := Administers(root, user); got != want {
			t.Errorf("%q: %v, want %v", user, got, want)
		}
	}
}

func TestProofsServeOnceForTheirAccountAndNotForLong(t *testing.T) {
	now := time.Now()
	p := &Proofs{Now: func() time.Time { return now }}
	text := p.Make("alice")
	if err := p.Use(text, "alice"); err != nil {
		t.Error(err)
	}
	if err := p.Use(text, "alice"); !errors.Is(err, ErrProof) {
		t.Errorf("used twice: %v", err)
	}
	stolen := p.Make("alice")
	if err := p.Use(stolen, "bob"); !errors.Is(err, ErrProof) {
		t.Errorf("by another: %v", err)
	}
	if err := p.Use(stolen, "alice"); !errors.Is(err, ErrProof) {
		t.Errorf("after somebody else showed it: %v", err)
	}
	late := p.Make("alice")
	now = now.Add(proofTime)
	for _, bad := range []string{late, "", "guessed"} {
		if err := p.Use(bad, "alice"); !errors.Is(err, ErrProof) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// directAdmin is a DirectAdmin that knows one session, with the certificate that its configuration names.
func directAdmin(t *testing.T) (root string, certificate []byte) {
	t.Helper()
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id, _ := r.Cookie("session")
		key, _ := r.Cookie("key")
		if r.URL.Path != "/CMD_API_SHOW_USER_CONFIG" || id == nil || key == nil || id.Value != "id1" || key.Value != "key1" {
			http.Redirect(w, r, "/login", http.StatusFound)
			return
		}
		fmt.Fprint(w, url.Values{"username": {"alice"}, "usertype": {"user"}}.Encode())
	}))
	t.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	certificate = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return tree(t, map[string]string{
		"usr/local/directadmin/conf/directadmin.conf": "ssl=1\nport=" + u.Port() + "\ncacert=/usr/local/directadmin/conf/cacert.pem\n",
		"usr/local/directadmin/conf/cacert.pem":       string(certificate),
	}), certificate
}

func FuzzSessionOf(f *testing.F) {
	f.Add("directadmin id key")
	f.Add("directadmin a b; c=d")
	f.Fuzz(func(t *testing.T, proof string) {
		s, ok := SessionOf(proof)
		if !ok {
			return
		}
		r, err := http.NewRequest(http.MethodGet, "https://127.0.0.1/", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.AddCookie(&http.Cookie{Name: "session", Value: s.ID})
		r.AddCookie(&http.Cookie{Name: "key", Value: s.Key})
		if got := r.Header.Get("Cookie"); got != "session="+s.ID+"; key="+s.Key {
			t.Errorf("%q becomes the cookies %q", proof, got)
		}
	})
}

func TestASessionOfDirectAdminProvesItsUserAlone(t *testing.T) {
	root, certificate := directAdmin(t)
	good := Session{"id1", "key1"}
	if got, ok := SessionOf(good.Proof()); !ok || got != good {
		t.Errorf("%v", got)
	}
	if err := good.Prove(t.Context(), root, "alice"); err != nil {
		t.Error(err)
	}
	for name, try := range map[string]func() error{
		"another user's": func() error { return good.Prove(t.Context(), root, "bob") },
		"a guessed key":  func() error { return Session{"id1", "x"}.Prove(t.Context(), root, "alice") },
		"no DirectAdmin": func() error { return good.Prove(t.Context(), t.TempDir(), "alice") },
		"an impatient one": func() error {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			return good.Prove(ctx, root, "alice")
		},
	} {
		if err := try(); !errors.Is(err, ErrProof) || strings.Contains(err.Error(), "key1") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, bad := range []string{"directadmin id1", "directadmin  key1", "directadmin a b;c", "directadmin a b\r\nX: y", "token", "directadmin " + strings.Repeat("a", 600) + " b"} {
		if _, ok := SessionOf(bad); ok {
			t.Errorf("%q is a session", bad)
		}
	}
	// Whoever listens on the panel's port with a certificate of his own is not asked.
	impostor := append([]byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"), certificate...)
	if err := os.WriteFile(filepath.Join(root, "usr/local/directadmin/conf/cacert.pem"), impostor, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := good.Prove(t.Context(), root, "alice"); !errors.Is(err, ErrProof) {
		t.Errorf("with another certificate: %v", err)
	}
}
