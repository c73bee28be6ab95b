package alarm

import (
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/service/gone"
	"slotfs/cmd/internal/service/history"
	"slotfs/indexer/backup"
)

// Facts are what findings are made of.
type Facts struct {
	Now    time.Time
	Config *config.Config
	Board  *history.Board
	// Configured is when the configuration was changed last: what never had a backup is waited for from then on.
	Configured time.Time
	// Members are the accounts that the last run of a job found; nil: not known. Others are not watched any more.
	Members map[string]map[string]bool
	// Gone are the accounts that runs of a job find no more, by job and name.
	Gone map[string]map[string]*gone.Absence
	// Restores are those into live accounts of the last day. Nil: nobody looked.
	Restores []Restore
	Seen
	// MaxAge, if not 0, takes the place of what the configuration says of every object.
	MaxAge time.Duration
}

// Restore is one into a live account.
type Restore struct {
	ID          string // tells it from all others
	At          time.Time
	Destination string
	Text        string // what was done, for people
}

// Seen is what the process that has the index knows.
type Seen struct {
	// Holdings are the accounts on each destination, by the index. Nil: it could not be asked.
	Holdings map[string][]Account `json:"holdings"`
	// Rooms were measured by that process, and may be newer than those of the board. Outages tell of the destinations that it looks
	// for since when they do not answer; zero: they do.
	Rooms   map[string]history.Room `json:"rooms,omitempty"`
	Outages map[string]time.Time    `json:"outages,omitempty"`
	// Watching says that the process itself has people told.
	Watching bool `json:"watching,omitempty"`
}

// Account is what the index knows of one account on a destination.
type Account struct {
	Origin string    `json:"origin,omitempty"`
	Name   string    `json:"name"`
	Newest time.Time `json:"newest,omitzero"`  // of its complete backups, when it was written; zero: it has none
	Closed bool      `json:"closed,omitempty"` // its origin's newest days have nothing of it
	// Concerns are those of the newest complete backup, in words.
	Concerns []string `json:"concerns,omitempty"`
}

// object names the account.
func (a *Account) object(destination string) string {
	name := destination + "/"
	if a.Origin != "" {
		name += a.Origin + "/"
	}
	return name + a.Name
}

// closedAfter is how many of the newest days of an origin an account is missing from when it counts as closed: its old backups
// stay for a while.
const closedAfter = 3

// Holdings sums up the snapshots of an index.
func Holdings(all []*backup.Snapshot) map[string][]Account {
	origins := map[[2]string]*origin{}
	out := map[string][]Account{}
	for _, s := range all {
		if s.System || s.Account == "" || s.Unclaimed {
			continue
		}
		key := [2]string{s.Destination, s.Origin}
		if origins[key] == nil {
			origins[key] = &origin{accounts: map[string]*member{}}
		}
		origins[key].take(s)
	}
	for key, o := range origins {
		out[key[0]] = append(out[key[0]], o.holdings(key[1])...)
	}
	return out
}

// origin collects the accounts of one server.
type origin struct {
	days     []int64 // the newest ones on which anything was written, newest first; closedAfter at most
	accounts map[string]*member
}

// member is an account while it is collected.
type member struct {
	newest time.Time
	day    int64 // of its newest backup, whatever its status
	// concerns are those of the newest complete backup.
	concerns []backup.Concern
}

const secondsPerDay = 24 * 60 * 60

func (o *origin) take(s *backup.Snapshot) {
	day := s.Time.Unix() / secondsPerDay
	o.day(day)
	m := o.accounts[s.Account]
	if m == nil {
		m = &member{day: day}
		o.accounts[s.Account] = m
	}
	m.day = max(m.day, day)
	if at := written(s); s.Status == backup.Complete && at.After(m.newest) {
		m.newest, m.concerns = at, s.Concerns
	}
}

// day keeps a day among the newest ones.
func (o *origin) day(day int64) {
	for i, d := range o.days {
		if d == day {
			return
		}
		if d < day {
			o.days = append(o.days[:i], append([]int64{day}, o.days[i:]...)...)
			o.days = o.days[:min(len(o.days), closedAfter)]
			return
		}
	}
	if len(o.days) < closedAfter {
		o.days = append(o.days, day)
	}
}

func (o *origin) holdings(name string) []Account {
	var all []Account
	for account, m := range o.accounts {
		closed := len(o.days) == closedAfter && m.day < o.days[closedAfter-1]
		a := Account{Origin: name, Name: account, Newest: m.newest, Closed: closed}
		for _, c := range m.concerns {
			a.Concerns = append(a.Concerns, c.Text)
		}
		all = append(all, a)
	}
	return all
}

// written is when a backup was written: its directory may have only the day. It was there when it was indexed: what claims to be of a
// later day was named or dated by a clock that was wrong, and would hide that nothing follows it.
func written(s *backup.Snapshot) time.Time {
	at := s.Time
	for _, f := range s.Files {
		if t := time.Unix(f.MTime, 0); f.MTime != backup.NoTime && t.After(at) {
			at = t
		}
	}
	if !s.Indexed.IsZero() && at.Sub(s.Indexed) > ahead {
		return s.Indexed
	}
	return at
}

// ahead is how far before this machine's clock others may be.
const ahead = 24 * time.Hour
