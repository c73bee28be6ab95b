package destinations

import "slotfs/cmd/internal/config"

// Settings are those of a destination, as programs read them.
type Settings struct {
	Name              string   `json:"name"`
	Engine            string   `json:"engine"`
	Host              string   `json:"host"`
	Port              int      `json:"port"`
	Username          string   `json:"username"`
	Directory         string   `json:"directory"`
	IdentityFile      string   `json:"identity_file,omitempty"`
	PasswordFile      string   `json:"password_file,omitempty"`
	PassphraseFile    string   `json:"passphrase_file,omitempty"`
	HostKeys          []string `json:"host_keys"`
	ConnectionTimeout string   `json:"connection_timeout"`
	MaxRetries        int      `json:"max_retries"`
	MaxAge            string   `json:"max_age,omitempty"`
	MaxConnections    int      `json:"max_connections"`
	Reindex           string   `json:"reindex,omitempty"`
	Scrub             string   `json:"scrub,omitempty"`
	ScrubBandwidth    int64    `json:"scrub_bandwidth,omitempty"`
	LegacyAlgorithms  bool     `json:"legacy_algorithms,omitempty"`
	LocalOrigins      []string `json:"local_origins,omitempty"`
	Window            string   `json:"window,omitempty"`
	Jitter            string   `json:"jitter,omitempty"`
	MaxWriters        int      `json:"max_writers,omitempty"`
	MaxWait           string   `json:"max_wait,omitempty"`
}

// SettingsOf tells the settings of a destination.
func SettingsOf(d *config.Destination) Settings {
	out := Settings{
		Name: d.Name, Engine: d.Engine, Host: d.Host, Port: d.Port, Username: d.Username, Directory: d.Directory,
		IdentityFile: d.IdentityFile, PasswordFile: d.PasswordFile, PassphraseFile: d.PassphraseFile, HostKeys: d.HostKeys, Reindex: d.Reindex,
		ConnectionTimeout: d.ConnectionTimeout.String(), MaxRetries: d.MaxRetries, MaxAge: config.FormatAge(d.MaxAge), MaxConnections: d.MaxConnections,
		Scrub: d.Scrub, LegacyAlgorithms: d.LegacyAlgorithms, LocalOrigins: d.LocalOrigins,
		Window: d.Window, Jitter: config.FormatAge(d.Jitter), MaxWriters: d.MaxWriters, MaxWait: config.FormatAge(d.MaxWait),
	}
	if d.Scrub != "" {
		out.ScrubBandwidth = d.ScrubRate()
	}
	return out
}
