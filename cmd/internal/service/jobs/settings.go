package jobs

import (
	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/alarm/send"
)

// Settings are those of a job, as programs read them.
type Settings struct {
	Name          string   `json:"name"`
	Destination   string   `json:"destination"`
	Source        []string `json:"source"`
	AllowEmpty    []string `json:"allow_empty,omitempty"`
	AccountName   string   `json:"account_name,omitempty"`
	Retention     int      `json:"retention,omitempty"`
	KeepHourly    int      `json:"keep_hourly,omitempty"`
	KeepDaily     int      `json:"keep_daily,omitempty"`
	KeepWeekly    int      `json:"keep_weekly,omitempty"`
	KeepMonthly   int      `json:"keep_monthly,omitempty"`
	KeepYearly    int      `json:"keep_yearly,omitempty"`
	Mode          string   `json:"mode"`
	Prefix        string   `json:"prefix,omitempty"`
	Exclude       []string `json:"exclude,omitempty"`
	ExcludeFile   string   `json:"exclude_file,omitempty"`
	ExcludeCaches bool     `json:"exclude_caches"`
	OneFileSystem bool     `json:"one_file_system"`
	NetworkFS     bool     `json:"include_network_filesystems"`
	StallTimeout  string   `json:"stall_timeout"`
	Before        string   `json:"before,omitempty"`
	After         string   `json:"after,omitempty"`
	Fill          string   `json:"fill"`
	Bandwidth     int64    `json:"bandwidth"`
	Concurrency   int      `json:"concurrency"`
	Parallel      int      `json:"parallel_accounts"`
	GoneAfter     string   `json:"gone_after,omitempty"`
	MaxAge        string   `json:"max_age,omitempty"`
	Ping          string   `json:"ping,omitempty"` // without what is secret
}

// SettingsOf tells the settings of a job.
func SettingsOf(j *config.Job) Settings {
	return Settings{
		Name: j.Name, Destination: j.Destination, Source: j.Source, AllowEmpty: j.AllowEmpty, AccountName: j.AccountName,
		Retention: j.Policy.Last, KeepHourly: j.Policy.Hourly, KeepDaily: j.Policy.Daily, KeepWeekly: j.Policy.Weekly,
		KeepMonthly: j.Policy.Monthly, KeepYearly: j.Policy.Yearly,
		Mode: j.Mode, Prefix: j.Prefix, Exclude: j.Exclude, ExcludeFile: j.ExcludeFile, ExcludeCaches: j.ExcludeCaches,
		OneFileSystem: j.OneFileSystem, NetworkFS: j.NetworkFS, StallTimeout: j.Stall().String(), Before: j.Before, After: j.After, Fill: j.Fill,
		Bandwidth: j.Bandwidth, Concurrency: j.Concurrency, Parallel: j.Parallel,
		GoneAfter: config.FormatAge(j.GoneAfter), MaxAge: config.FormatAge(j.MaxAge), Ping: PingSite(j),
	}
}

// PingSite is what may be shown of a job's ping.
func PingSite(j *config.Job) string {
	if j.Ping == "" {
		return ""
	}
	return send.Site(j.Ping)
}

// Shown is a job with what its sources stand for.
type Shown struct {
	Settings
	Accounts []ShownAccount `json:"accounts"`
	Warnings []string       `json:"warnings"` // about sources that are not there or match nothing
}

// ShownAccount is an account that a job finds.
type ShownAccount struct {
	Name   string `json:"name"`
	Source string `json:"source"`
	Error  string `json:"error,omitempty"` // why it cannot be backed up
}

// ShownOf tells the settings of a job, and what was found of its sources.
func ShownOf(j *config.Job, found *Discovery) Shown {
	out := Shown{Settings: SettingsOf(j), Accounts: []ShownAccount{}, Warnings: append([]string{}, found.Warnings...)}
	for _, a := range found.Accounts {
		shown := ShownAccount{Name: a.Name, Source: a.Source}
		if a.Err != nil {
			shown.Error = a.Err.Error()
		}
		out.Accounts = append(out.Accounts, shown)
	}
	return out
}
