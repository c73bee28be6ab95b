package config

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// Web is the [web] table: where backups can be looked at in a browser.
//
//	[web]
//	listen = "127.0.0.1:8480"
//	certificate = "/etc/ssl/slotfs.pem"
//	key = "/etc/ssl/slotfs.key"
//	url = "https://backup.example.com:8480"
type Web struct {
	Listen      string // empty: nowhere
	Certificate string // empty: plain HTTP, on loopback only
	Key         string
	URL         string // as people reach the page; empty: as Listen says
}

// webTable is the table as it stands in the file.
type webTable struct {
	Listen      string `toml:"listen"`
	Certificate string `toml:"certificate"`
	Key         string `toml:"key"`
	URL         string `toml:"url"`
}

// web checks. With an error comes the key that it is about.
func (t *webTable) web() (w Web, key string, err error) {
	if t == nil {
		return w, "", nil
	}
	w = Web{Listen: t.Listen, Certificate: t.Certificate, Key: t.Key, URL: strings.TrimSuffix(t.URL, "/")}
	if w.Listen != "" {
		if err := checkPublicListen(w.Listen); err != nil {
			return w, "listen", err
		}
	}
	for _, file := range []struct{ key, path string }{{"certificate", w.Certificate}, {"key", w.Key}} {
		if file.path != "" && (!filepath.IsAbs(file.path) || unfit(file.path)) {
			return w, file.key, fmt.Errorf("%s %q: want an absolute path", file.key, file.path)
		}
	}
	switch {
	case (w.Certificate == "") != (w.Key == ""):
		return w, "certificate", errors.New("certificate and key: want both or none")
	case w.Listen != "" && w.Certificate == "" && !w.Loopback():
		return w, "listen", fmt.Errorf("listen %q: the network could read passwords and backups: want certificate and key, or 127.0.0.1", w.Listen)
	case w.URL != "":
		err = checkPageURL(w.URL)
	}
	return w, "url", err
}

// checkPageURL refuses what is no address of a page at the top of its host.
func checkPageURL(text string) error {
	u, err := url.Parse(text)
	if err != nil || unfit(text) || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.Path+u.RawQuery+u.Fragment != "" || u.User != nil {
		return fmt.Errorf("url %q: want one like https://backup.example.com:8480, without a path", text)
	}
	return nil
}

// Loopback reports whether nobody but this machine reaches the page.
func (w Web) Loopback() bool {
	host, _, err := net.SplitHostPort(w.Listen)
	ip := net.ParseIP(host)
	return err == nil && (host == "localhost" || ip != nil && ip.IsLoopback())
}

// Address is the page's URL as people are told it.
func (w Web) Address() string {
	if w.URL != "" {
		return w.URL
	}
	host, port, err := net.SplitHostPort(w.Listen)
	if err != nil {
		return ""
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host, _ = os.Hostname()
		host = cmp.Or(host, "localhost")
	}
	scheme := "http"
	if w.Certificate != "" {
		scheme = "https"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}
