// Package live knows what putting parts of a snapshot back into a live account consists of: which account of this machine is meant,
// where each part lives, and the record of what was done. It must not know how databases and files are replaced, nor flags and the
// terminal.
package live

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/service/audit"
	"slotfs/cmd/internal/service/browse"
	"slotfs/cmd/internal/state"
	"slotfs/fs/restore"
	"slotfs/fs/restore/live/mysql"
	"slotfs/fs/restore/live/record"
	"slotfs/indexer/backup"
)

// Request says what to put back, and how.
type Request struct {
	Paths    []string `json:"paths"`              // as in the mount
	Account  string   `json:"account,omitempty"`  // user of this machine; "": of the account's name, if its home is here
	Database string   `json:"database,omitempty"` // that a dump is restored as; "": of the dump's name, if it is the account's
	Tables   []string `json:"tables,omitempty"`   // of a database; none: all
	Home     string   `json:"home,omitempty"`     // of the account; "": that of the user
	Replace  bool     `json:"replace,omitempty"`  // mailboxes take the place of those that are there
	// Restorepkg hands a whole account to cPanel's program, which replaces it.
	Restorepkg bool `json:"restorepkg,omitempty"`
	DryRun     bool `json:"dry_run,omitempty"`
}

// Check refuses what cannot be asked for.
func (q *Request) Check() error {
	if len(q.Paths) == 0 {
		return exit.Usagef("restore --live: no path is given")
	}
	if q.Home != "" && !filepath.IsAbs(q.Home) {
		return exit.Usagef("--home %s: not an absolute path", q.Home)
	}
	return nil
}

// Outcome is what became of one part.
type Outcome struct {
	ID      string   `json:"id,omitempty"`    // to undo it by
	Group   string   `json:"group,omitempty"` // to undo it by, with all that was restored for one path
	Path    string   `json:"path"`
	Kind    string   `json:"kind"`
	Account string   `json:"account"`
	Target  string   `json:"target"`
	Tables  []string `json:"tables,omitempty"`  // of a database, that are put in
	Removed []string `json:"removed,omitempty"` // tables that are not in the backup
	Objects int      `json:"objects,omitempty"` // views, triggers, routines and events
	Users   []string `json:"users,omitempty"`   // of the database server, that are made or altered
	Grants  []string `json:"grants,omitempty"`  // what they may do, in words
	LeftOut []string `json:"left_out,omitempty"`
	Notes   []string `json:"notes,omitempty"`
	Parts   int      `json:"parts,omitempty"`  // jobs of a table, files of forwarders and filters
	Left    bool     `json:"left,omitempty"`   // it was left in a directory, Target
	Before  string   `json:"before,omitempty"` // where what was there is kept

	Files *restore.Summary `json:"files,omitempty"` // of files and mailboxes
	Error string           `json:"error,omitempty"`
	Code  int              `json:"code"`

	Err      error `json:"-"`
	failures int
}

// Observer hears how it gets on. Its functions may be nil.
type Observer struct {
	Begin    func(what string, size int64)
	Progress restore.Progress
	Tidied   func(ids []string) // restores that were interrupted before, and were finished or taken back
}

// Live puts parts back. It is for root.
type Live struct {
	Observer
	Tree   browse.Tree
	State  state.Dir
	Config config.Live
	Who    string // for the records
	Owner  string // the account that alone may be changed, of the user of this name; "": any
	// May says whether a kind of part of an account may be put back; nil: all may.
	May func(account string, kind backup.PartKind) bool

	grouped string    // id of the restore that records are part of
	Stderr  io.Writer // gets what a process says when it breaks
}

// store has the records of what was replaced.
func (l *Live) store() *record.Store {
	return &record.Store{Dir: l.State.Live(), Now: time.Now, Who: l.Who, Group: l.grouped}
}

// Restore puts the parts back one after the other. The first one that fails ends it.
func (l *Live) Restore(ctx context.Context, q Request) ([]Outcome, error) {
	if os.Geteuid() != 0 {
		return nil, exit.Usagef("restore --live: only root may change live accounts")
	}
	if err := q.Check(); err != nil {
		return nil, err
	}
	groups, err := l.find(ctx, &q)
	if err != nil {
		return nil, err
	}
	if l.Config.KeepBefore != config.Never && !q.DryRun {
		if err := l.expire(ctx); err != nil {
			return nil, fmt.Errorf("remove what was kept: %w", err)
		}
	}
	var all []Outcome
	for i, pieces := range groups {
		more, err := l.together(ctx, &q, q.Paths[i], pieces)
		all = append(all, more...)
		if err != nil || slices.ContainsFunc(more, func(o Outcome) bool { return o.Err != nil }) {
			return all, err
		}
	}
	return all, nil
}

// together puts pieces back that are undone together.
func (l *Live) together(ctx context.Context, q *Request, path string, pieces []piece) (all []Outcome, err error) {
	if !q.DryRun && len(pieces) > 0 {
		release, err := l.store().Hold(pieces[0].account)
		if err != nil {
			return nil, busy(err)
		}
		defer release()
	}
	if len(pieces) > 1 && !q.DryRun {
		g, err := l.group(record.Record{Account: pieces[0].account, Source: path, Target: "account " + pieces[0].account})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, g.end()) }()
		defer g.take(&all)
	}
	for i := range pieces {
		p := &pieces[i]
		out := Outcome{Path: p.path, Kind: string(p.kind), Account: p.account, Group: l.grouped}
		out.Err = l.one(ctx, q, p, &out)
		if out.Err == nil && p.unproven {
			out.Notes, out.Code = append(out.Notes, "the snapshot is not complete"), exit.Partial
		}
		all = append(all, l.ended(audit.Live, q, out))
		if out.Err != nil && (restore.Fatal(out.Err) || ctx.Err() != nil) {
			break // it would befall the other parts too
		}
	}
	return all, nil
}

// one puts one part back.
func (l *Live) one(ctx context.Context, q *Request, p *piece, out *Outcome) error {
	if l.Begin != nil {
		size := p.node.Attr.Size
		if p.node.IsDir() {
			size = 0
		}
		l.Begin(p.path, size)
	}
	switch {
	case p.kind == "":
		return l.handOver(ctx, q, p, out)
	case p.kind == backup.Databases && strings.HasSuffix(p.path, ".tar"):
		return l.postgres(ctx, q, p, out)
	case p.kind == backup.Databases:
		return l.database(ctx, q, p, out)
	case p.kind == backup.DatabaseUsers:
		return l.databaseUsers(ctx, q, p, out)
	case p.kind == backup.Cron:
		return l.cron(ctx, q, p, out)
	case len(p.routes) > 0:
		return l.putRoutes(ctx, q, p, out)
	case len(p.steps) > 0 || len(p.leftOut) > 0:
		return l.files(ctx, q, p, out)
	}
	return l.leave(ctx, q, p, []piece{*p}, out)
}

// ended completes an outcome and its audit record.
func (l *Live) ended(action audit.Action, q *Request, out Outcome) Outcome {
	if out.Err != nil {
		out.Error, out.Code = out.Err.Error(), exit.Code(out.Err)
		if errors.Is(out.Err, mysql.ErrKept) {
			out.Code = exit.Partial
		}
	} else if len(out.LeftOut) > 0 {
		out.Code = exit.Partial
	}
	if out.failures > maxFailures {
		out.Notes = append(out.Notes, fmt.Sprintf("%d more failed", out.failures-maxFailures))
	}
	if q.DryRun {
		return out
	}
	r := audit.Record{Who: l.Who, Action: action, Paths: []string{out.Path}, Error: out.Error, Detail: strings.TrimSpace(out.Kind + " " + out.Target + " of " + out.Account + " " + out.ID)}
	if err := audit.Open(l.State.Audit()).Add(r); err != nil {
		out.Notes, out.Code = append(out.Notes, "no audit record: "+err.Error()), max(out.Code, exit.Partial)
	}
	return out
}

// home is the directory in which root's own option file lies.
func home() string {
	if h := os.Getenv("HOME"); filepath.IsAbs(h) {
		return h
	}
	return "/root" // services have none in their environment
}
