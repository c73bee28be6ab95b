package panel

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// directAdminPath is where DirectAdmin lies.
const directAdminPath = "usr/local/directadmin"

// sessionTime is how long DirectAdmin may take to say whose a session is.
const sessionTime = 10 * time.Second

// Session is one of DirectAdmin, as its environment has it for plug-ins: SESSION_ID and SESSION_KEY.
type Session struct{ ID, Key string }

// sessionScheme begins a proof that has a session.
const sessionScheme = "directadmin "

// Proof is the session as a proof.
func (s Session) Proof() string { return sessionScheme + s.ID + " " + s.Key }

// SessionOf is the session that a proof has.
func SessionOf(proof string) (Session, bool) {
	text, ok := strings.CutPrefix(proof, sessionScheme)
	id, key, two := strings.Cut(text, " ")
	ok = ok && two && cookieValue(id) && cookieValue(key)
	return Session{id, key}, ok
}

// cookieValue reports whether a text may be the value of a cookie, and nothing besides it.
func cookieValue(s string) bool {
	return s != "" && len(s) <= 512 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(`",;\`, r) })
}

// Prove asks DirectAdmin whose a session is. It must be the account's. root is "/", or where another system's is.
func (s Session) Prove(ctx context.Context, root, account string) error {
	user, err := s.user(ctx, root)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrProof, err)
	}
	if user != account {
		return fmt.Errorf("%w: the session is another user's", ErrProof)
	}
	return nil
}

// user is whose the session is. Any user may listen on the panel's port while the panel does not, so it must have the panel's certificate.
func (s Session) user(ctx context.Context, root string) (string, error) {
	conf, err := os.ReadFile(filepath.Join(root, directAdminPath, "conf/directadmin.conf"))
	if err != nil {
		return "", errors.New("DirectAdmin is not on this machine")
	}
	port, file := setting(conf, "port"), setting(conf, "cacert")
	if port == "" {
		port = "2222"
	}
	if file == "" {
		file = "/" + directAdminPath + "/conf/cacert.pem"
	}
	certificate, err := firstCertificate(filepath.Join(root, file))
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, sessionTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+net.JoinHostPort("127.0.0.1", port)+"/CMD_API_SHOW_USER_CONFIG", nil)
	if err != nil {
		return "", err
	}
	r.AddCookie(&http.Cookie{Name: "session", Value: s.ID})
	r.AddCookie(&http.Cookie{Name: "key", Value: s.Key})
	res, err := pinned(certificate).Do(r)
	if err != nil {
		return "", errors.New("DirectAdmin does not answer by TLS with its certificate")
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if err != nil || res.StatusCode != http.StatusOK {
		return "", errors.New("DirectAdmin does not know the session")
	}
	told, err := url.ParseQuery(string(text))
	if err != nil || told.Get("username") == "" || told.Get("error") == "1" {
		return "", errors.New("DirectAdmin does not know the session")
	}
	return told.Get("username"), nil
}

// firstCertificate is the first one of a file, as DER.
func firstCertificate(file string) ([]byte, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, errors.New("DirectAdmin has no certificate: set ssl=1 in directadmin.conf")
	}
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			return block.Bytes, nil
		}
	}
	return nil, fmt.Errorf("%s: there is no certificate in it", file)
}

// pinned talks to whoever has the key of one certificate, whatever name and authority it has.
func pinned(certificate []byte) *http.Client {
	conf := &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS12, VerifyPeerCertificate: func(shown [][]byte, _ [][]*x509.Certificate) error {
		if len(shown) == 0 || !bytes.Equal(shown[0], certificate) {
			return errors.New("it is another certificate")
		}
		return nil
	}}
	return &http.Client{Transport: &http.Transport{TLSClientConfig: conf, DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}
