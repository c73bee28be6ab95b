package config

import (
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// DefaultMinInterval is the least time between two messages of a notifier.
const DefaultMinInterval = 15 * time.Minute

// Notify is one [notify.NAME] table: whom alarms are sent to.
//
//	[notify.NAME]                    NAME: as that of a destination. One of url, url-file, sendmail, command says how:
//	url = "ntfy://ntfy.sh/topic"     a service as shoutrrr has them: smtp, slack, discord, telegram, teams, ntfy, generic, ...
//	url-file = "/path"               file whose first line is the url: it may hold a secret
//	sendmail = "ops@example.com"     addresses for the machine's own sendmail
//	command = "command"              for the shell, with the message on standard input
//	events = ["failed", "silence"]   of Events; absent: all
//	destinations = ["offsite"]       only alarms about these; absent: all
//	jobs = ["nightly"]               only alarms about these; absent: all
//	min-interval = "15m"             least time between two messages
type Notify struct {
	Name         string
	URL          string // a secret: it may hold passwords and tokens
	URLFile      string
	Sendmail     string
	Command      string // may hold secrets
	Events       []string
	Destinations []string
	Jobs         []string
	MinInterval  time.Duration
}

// errOneWay says that a notifier must say how it reaches people.
var errOneWay = errors.New("want one of url, url-file, sendmail and command")

// Events are what there are alarms about.
var Events = []string{"failed", "partial", "silence", "unreachable", "host-key", "nearly-full", "verify", "poorer", "gone", "restored"}

// notifyTable is a notifier as it stands in the file.
type notifyTable struct {
	URL          string   `toml:"url"`
	URLFile      string   `toml:"url-file"`
	Sendmail     string   `toml:"sendmail"`
	Command      string   `toml:"command"`
	Events       []string `toml:"events"`
	Destinations []string `toml:"destinations"`
	Jobs         []string `toml:"jobs"`
	MinInterval  *string  `toml:"min-interval"`
}

// NotifyNames lists the notifiers in order.
func (c *Config) NotifyNames() []string { return slices.Sorted(mapKeys(c.Notify)) }

// parseNotify reads and checks the notifiers of a document whose destinations and jobs are known.
func (c *Config) parseNotify(tables map[string]*notifyTable, where *places) error {
	for _, name := range slices.Sorted(mapKeys(tables)) {
		n, key, err := tables[name].notify(name)
		if err == nil {
			key, err = c.checkNotify(n)
		}
		if err != nil {
			err = fmt.Errorf("notify %s: %w", name, err)
			return &Error{Path: c.Path, Line: where.line("notify", name, key), Err: err}
		}
		if c.Notify == nil {
			c.Notify = map[string]*Notify{}
		}
		c.Notify[name] = n
	}
	return nil
}

// notify fills defaults in. With an error comes the key that it is about.
func (t *notifyTable) notify(name string) (*Notify, string, error) {
	if t == nil {
		t = &notifyTable{}
	}
	n := &Notify{Name: name, URL: t.URL, URLFile: t.URLFile, Sendmail: t.Sendmail, Command: t.Command, Events: t.Events,
		Destinations: t.Destinations, Jobs: t.Jobs, MinInterval: DefaultMinInterval}
	if t.MinInterval != nil {
		d, err := time.ParseDuration(*t.MinInterval)
		if err != nil || d < 0 || d > maxAge {
			return nil, "min-interval", fmt.Errorf(`min-interval %q: want a duration like "15m"`, *t.MinInterval)
		}
		n.MinInterval = d
	}
	return n, "", nil
}

// checkNotify checks a notifier; with an error comes the key that it is about. No error repeats a secret.
func (c *Config) checkNotify(n *Notify) (string, error) {
	if err := Name(n.Name); err != nil {
		return "", err
	}
	ways := 0
	for _, v := range []string{n.URL, n.URLFile, n.Sendmail, n.Command} {
		if v != "" {
			ways++
		}
	}
	if ways != 1 {
		return "", errOneWay
	}
	if key, err := n.checkWay(); err != nil {
		return key, err
	}
	for _, list := range []struct {
		key           string
		names, choice []string
	}{{"events", n.Events, Events}, {"destinations", n.Destinations, c.Names()}, {"jobs", n.Jobs, c.JobNames()}} {
		for _, name := range list.names {
			if !slices.Contains(list.choice, name) {
				return list.key, fmt.Errorf("%s: %q is unknown; there is %s", list.key, name, strings.Join(list.choice, ", "))
			}
		}
	}
	return "", nil
}

func (n *Notify) checkWay() (string, error) {
	if n.URL != "" {
		if u, err := url.Parse(n.URL); err != nil || u.Scheme == "" || unfit(n.URL) {
			return "url", errors.New("url: want one as shoutrrr has them, like ntfy://ntfy.sh/topic")
		}
	}
	if n.URLFile != "" && (!filepath.IsAbs(n.URLFile) || unfit(n.URLFile)) {
		return "url-file", fmt.Errorf("url-file %q: want an absolute path", n.URLFile)
	}
	if n.Sendmail != "" {
		if _, err := mail.ParseAddressList(n.Sendmail); err != nil || unfit(n.Sendmail) {
			return "sendmail", fmt.Errorf("sendmail %q: want mail addresses, with commas between them", n.Sendmail)
		}
	}
	if len(n.Command) > maxText || strings.Contains(n.Command, "\x00") {
		return "command", errors.New("command: too long, or with control characters; put it into a script")
	}
	return "", nil
}

// checkPing checks the URL that is told of a job's runs. The error does not repeat it: it is a secret.
func checkPing(text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || unfit(text) {
		return errors.New("ping: want a URL like https://hc-ping.com/UUID")
	}
	return nil
}
