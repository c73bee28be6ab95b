package web

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/login"
)

// pair writes a certificate of its own with a serial number, and its key.
func pair(t *testing.T, conf config.Web, serial int64, at time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{conf.Certificate: {Type: "CERTIFICATE", Bytes: der}, conf.Key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTheCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	conf := config.Web{Listen: "127.0.0.1:0", Certificate: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}
	at := time.Now().Add(-time.Hour)
	pair(t, conf, 1, at)
	s := serve(t, conf, Limits{})
	serial := func() int64 {
		t.Helper()
		s.advance(2 * lookInterval)
		c, err := tls.Dial("tcp", s.server.Address(), &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if p := c.ConnectionState().NegotiatedProtocol; p != "http/1.1" {
			t.Errorf("protocol %q", p)
		}
		return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if n := serial(); n != 1 {
		t.Fatal(n)
	}
	pair(t, conf, 2, at.Add(time.Minute))
	if n := serial(); n != 2 {
		t.Errorf("certificate %d is shown", n)
	}
	if err := os.WriteFile(conf.Certificate, []byte("half of it"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := serial(); n != 2 {
		t.Errorf("certificate %d is shown while the file is damaged", n)
	}
	pair(t, conf, 3, at.Add(2*time.Minute))
	if n := serial(); n != 3 {
		t.Errorf("certificate %d is shown", n)
	}
}

func TestWithTLSTheCookieGoesNowhereElse(t *testing.T) {
	dir := t.TempDir()
	conf := config.Web{Listen: "127.0.0.1:0", Certificate: filepath.Join(dir, "cert"), Key: filepath.Join(dir, "key")}
	pair(t, conf, 1, time.Now())
	s := serve(t, conf, Limits{})
	_, token := s.link(login.Root, true, false)
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	res, err := client.Post("https://"+s.server.Address()+"/session", "application/json", strings.NewReader(`{"token":"`+token+`"}`))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if c := res.Cookies(); res.StatusCode != http.StatusOK || len(c) != 1 || c[0].Name != "__Host-slotfs" || !c[0].Secure || c[0].Path != "/" || c[0].Domain != "" {
		t.Error(res.Status, c)
	}
	if err := os.Chmod(conf.Key, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := (&certificate{cert: conf.Certificate, key: conf.Key, now: time.Now}).get(nil); err == nil {
		t.Error("a key that others may read is used")
	}
}
