// Package config knows the configuration file: its keys, their bounds and defaults, and how to change it without
// touching what people wrote around them. It must not connect to anything, and it holds no secret: passwords and
// keys stand in files of their own, which it names.
//
// The file is TOML. Unknown keys are errors, and every error names the file and the line.
//
//	[destination.NAME]               NAME: 1 to 40 characters of a-z 0-9 . _ -, the first a letter or digit
//	engine = "cpanel"                layout of the backups
//	directory = "backups"            relative to the remote home, or absolute; "" is the remote home
//	host = "backup.example.com"
//	port = 22
//	username = "backup"
//	password-file = "/path"          default: STATE-DIR/secrets/NAME if there is one
//	identity-file = "/path"          private key; default: STATE-DIR/keys/NAME if there is one
//	passphrase-file = "/path"        of the private key
//	host-key = ["ssh-ed25519 AAAA..."] the only host keys that are accepted; a single one may stand without brackets.
//	                                 "@cert-authority ssh-ed25519 AAAA..." accepts what this key signed
//	connection-timeout = "30s"
//	max-retries = 5                  0: unlimited
//	max-connections = 4              0: unlimited
//	reindex = "05:30"                package schedule has the forms; absent: only by hand
//	scrub = "1/30"                   share of the bytes of all backups that a mount reads again each day; absent: nothing
//	scrub-bandwidth = "20M"          bytes a second, with K, M or G, at which it does
//	legacy-algorithms = true         log in with SHA-1 and old key exchanges too, for servers that know nothing better
//	local-origin = "srv1"            origin (or a list) whose accounts are users of this machine; absent: none
//	window = "01:00-05:00"           part of each day in which runs begin with accounts; absent: always
//	jitter = "15m"                   runs begin later by a random time up to this one
//	max-writers = 2                  runs of all machines that write at once; absent: no limit
//	max-wait = "12h"                 how long a run waits for others to end
//	max-age = "26h"                  age of the newest good backup from which on there is an alarm; absent: that of [watch]
//
// A [job.NAME] table says what `slotfs sync` writes to a destination; Job has its keys. The table [cache] says what a
// mount keeps on the local disk, [live] how restores into live accounts are made, [watch] what there are alarms about, a
// [notify.NAME] table whom they are sent to, [metrics] where Prometheus looks, [sftp-server] where backups can be had by SFTP,
// [web] where they can be looked at in a browser, [panel] where hosting panels ask, and a
// [fleet.NAME] table another machine with slotfs, and an [access.NAME] table what owners of accounts may do; Cache, Live, Watch, Notify,
// Metrics, SFTPServer, Web, Panel, FleetHost and Access have their keys.
package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"slices"
	"time"

	"github.com/pelletier/go-toml/v2"
)

// Defaults of what a destination leaves out.
const (
	DefaultPort              = 22
	DefaultConnectionTimeout = 30 * time.Second
	DefaultMaxRetries        = 5
	DefaultMaxConnections    = 4
)

// Config is a whole configuration file.
type Config struct {
	// Path is the file that it was read from.
	Path         string
	Destinations map[string]*Destination
	Jobs         map[string]*Job
	Cache        Cache
	Watch        Watch
	Metrics      Metrics
	SFTPServer   SFTPServer
	Live         Live
	Web          Web
	Panel        Panel
	Notify       map[string]*Notify    // nil: none
	Access       []Access              // in the order of the file
	Fleet        map[string]*FleetHost // nil: none
}

// Destination is one [destination.NAME] table with its defaults filled in.
type Destination struct {
	Name              string
	Engine            string
	Directory         string
	Host              string
	Port              int
	Username          string
	PasswordFile      string
	IdentityFile      string
	PassphraseFile    string
	HostKeys          []string
	ConnectionTimeout time.Duration
	MaxRetries        int // 0: unlimited
	MaxConnections    int // 0: unlimited
	Reindex           string
	// Scrub is the share of all bytes that is read again each day, as ParseShare takes it; "": nothing.
	Scrub          string
	ScrubBandwidth int64 // bytes a second; 0: DefaultScrubBandwidth
	// LegacyAlgorithms lets the destination's server use algorithms that are weak.
	LegacyAlgorithms bool
	// LocalOrigins are the origins whose accounts live on this machine, so that they belong to its users of the same name.
	// "" is that of date directories that lie in the directory itself. Nil: none.
	LocalOrigins []string
	// MaxAge is how old the newest good backup may be; 0: as Watch has it, Never: any.
	MaxAge time.Duration
	Turns
}

// file is the TOML document.
type file struct {
	Destination map[string]*table    `toml:"destination"`
	Job         map[string]*jobTable `toml:"job"`
	Cache       *cacheTable          `toml:"cache"`

	Watch   *watchTable             `toml:"watch"`
	Metrics *metricsTable           `toml:"metrics"`
	SFTP    *sftpTable              `toml:"sftp-server"`
	Live    *liveTable              `toml:"live"`
	Web     *webTable               `toml:"web"`
	Panel   *panelTable             `toml:"panel"`
	Notify  map[string]*notifyTable `toml:"notify"`
	Access  map[string]*accessTable `toml:"access"`
	Fleet   map[string]*fleetTable  `toml:"fleet"`
}

// table is a destination as it stands in the file: pointers tell what is absent.
type table struct {
	Engine            string  `toml:"engine"`
	Directory         string  `toml:"directory"`
	Host              string  `toml:"host"`
	Port              *int    `toml:"port"`
	Username          string  `toml:"username"`
	PasswordFile      string  `toml:"password-file"`
	IdentityFile      string  `toml:"identity-file"`
	PassphraseFile    string  `toml:"passphrase-file"`
	HostKey           any     `toml:"host-key"` // text or a list of it
	ConnectionTimeout *string `toml:"connection-timeout"`
	MaxRetries        *int    `toml:"max-retries"`
	MaxConnections    *int    `toml:"max-connections"`
	Reindex           string  `toml:"reindex"`
	Scrub             string  `toml:"scrub"`
	ScrubBandwidth    *string `toml:"scrub-bandwidth"`
	LegacyAlgorithms  bool    `toml:"legacy-algorithms"`
	LocalOrigin       any     `toml:"local-origin"` // text or a list of it
	MaxAge            *string `toml:"max-age"`
	Window            string  `toml:"window"`
	Jitter            *string `toml:"jitter"`
	MaxWriters        int     `toml:"max-writers"`
	MaxWait           *string `toml:"max-wait"`
}

// Error is what is wrong with a configuration file, and where.
type Error struct {
	Path string
	Line int // 0: unknown
	Err  error
}

// Error begins with "file:line: ".
func (e *Error) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.Path, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.Path, e.Line, e.Err)
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// Load reads and checks the file at path. A file that is not there is an empty configuration.
func Load(path string, engines []string) (*Config, error) {
	if err := Safe(path); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		data, err = nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, data, engines)
}

// Parse reads and checks a configuration. engines are the names that engine may have.
func Parse(path string, data []byte, engines []string) (*Config, error) {
	var f file
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&f); err != nil {
		return nil, decodeError(path, err)
	}
	where, err := scan(data)
	if err != nil {
		return nil, &Error{Path: path, Err: err}
	}
	c := &Config{Path: path, Destinations: make(map[string]*Destination, len(f.Destination))}
	for _, name := range slices.Sorted(mapKeys(f.Destination)) {
		d, key, err := f.Destination[name].destination(name)
		if err == nil {
			key, err = d.check(engines)
		}
		if err != nil {
			err = fmt.Errorf("destination %s: %w", name, err)
			return nil, &Error{Path: path, Line: where.line("destination", name, key), Err: err}
		}
		c.Destinations[name] = d
	}
	if err := c.parseJobs(f.Job, where); err != nil {
		return nil, err
	}
	if err := c.parseRest(&f, where); err != nil {
		return nil, err
	}
	return c, nil
}

// parseRest reads the tables that are neither destinations nor jobs.
func (c *Config) parseRest(f *file, where *places) error {
	for _, t := range []struct {
		name  string
		parse func() (string, error)
	}{
		{"cache", func() (key string, err error) { c.Cache, key, err = f.Cache.cache(); return }},
		{"live", func() (key string, err error) { c.Live, key, err = f.Live.live(); return }},
		{"watch", func() (key string, err error) { c.Watch, key, err = f.Watch.watch(); return }},
		{"metrics", func() (key string, err error) { c.Metrics, key, err = f.Metrics.metrics(); return }},
		{"sftp-server", func() (key string, err error) { c.SFTPServer, key, err = f.SFTP.server(); return }},
		{"web", func() (key string, err error) { c.Web, key, err = f.Web.web(); return }},
		{"panel", func() (key string, err error) { c.Panel, key, err = f.Panel.panel(); return }},
	} {
		if key, err := t.parse(); err != nil {
			return &Error{Path: c.Path, Line: where.line(t.name, key), Err: err}
		}
	}
	if err := c.parseFleet(f.Fleet, where); err != nil {
		return err
	}
	if err := c.parseAccess(f.Access, where); err != nil {
		return err
	}
	return c.parseNotify(f.Notify, where)
}

// Names lists the destinations in order.
func (c *Config) Names() []string { return slices.Sorted(mapKeys(c.Destinations)) }

func mapKeys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// destination fills defaults in. With an error comes the key that it is about.
func (t *table) destination(name string) (*Destination, string, error) {
	if t == nil {
		t = &table{}
	}
	d := &Destination{
		Name: name, Engine: t.Engine, Directory: t.Directory, Host: t.Host, Username: t.Username,
		PasswordFile: t.PasswordFile, IdentityFile: t.IdentityFile, PassphraseFile: t.PassphraseFile, Reindex: t.Reindex, LegacyAlgorithms: t.LegacyAlgorithms,
		Port: or(t.Port, DefaultPort), MaxRetries: or(t.MaxRetries, DefaultMaxRetries),
		MaxConnections: or(t.MaxConnections, DefaultMaxConnections), ConnectionTimeout: DefaultConnectionTimeout,
		Scrub: t.Scrub,
	}
	keys, err := list(t.HostKey)
	if err != nil {
		return nil, "host-key", fmt.Errorf("host-key: %w", err)
	}
	d.HostKeys = keys
	if d.LocalOrigins, err = list(t.LocalOrigin); err != nil {
		return nil, "local-origin", fmt.Errorf("local-origin: %w", err)
	}
	if t.ConnectionTimeout != nil {
		v, err := time.ParseDuration(*t.ConnectionTimeout)
		if err != nil {
			return nil, "connection-timeout", fmt.Errorf(`connection-timeout %q: want a duration like "30s"`, *t.ConnectionTimeout)
		}
		d.ConnectionTimeout = v
	}
	if d.MaxAge, err = ownAge(t.MaxAge); err != nil {
		return nil, "max-age", err
	}
	if key, err := t.turns(&d.Turns); err != nil {
		return nil, key, err
	}
	if t.ScrubBandwidth != nil {
		if d.ScrubBandwidth, err = ParseRate(*t.ScrubBandwidth); err != nil {
			return nil, "scrub-bandwidth", fmt.Errorf("scrub-%w", err)
		}
	}
	return d, "", nil
}

// list takes a text or a list of texts.
func list(v any) ([]string, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return []string{v}, nil
	case []any:
		var all []string
		for _, e := range v {
			text, ok := e.(string)
			if !ok {
				return nil, errors.New("want text, or a list of it")
			}
			all = append(all, text)
		}
		return all, nil
	}
	return nil, errors.New("want text, or a list of it")
}

// Equal reports whether two destinations have the same settings.
func (d *Destination) Equal(other *Destination) bool { return reflect.DeepEqual(d, other) }

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// decodeError turns what the TOML library says into one line with its place.
func decodeError(path string, err error) error {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) && len(strict.Errors) > 0 {
		first := strict.Errors[0]
		line, _ := first.Position()
		key := first.Key()
		if len(key) == 0 {
			return &Error{Path: path, Line: line, Err: errors.New("unknown key")}
		}
		return &Error{Path: path, Line: line, Err: fmt.Errorf("unknown key %q", key[len(key)-1])}
	}
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		line, _ := decode.Position()
		if err := mistyped(decode); err != nil {
			return &Error{Path: path, Line: line, Err: err}
		}
		return &Error{Path: path, Line: line, Err: errors.New(firstLine(decode.Error()))}
	}
	return &Error{Path: path, Err: errors.New(firstLine(err.Error()))}
}

func firstLine(s string) string {
	if i := bytes.IndexByte([]byte(s), '\n'); i >= 0 {
		return s[:i]
	}
	return s
}
