// Package cpanel knows what cPanel & WHM leaves on a destination: dated sets of account backups, loose
// account archives, and what stands inside an account's tree. It must not know how any of it is fetched,
// stored or shown.
//
// On a destination it recognises, below any directories (the origin):
//
//	[weekly/|monthly/]YYYY-MM-DD/accounts/USER.tar.gz, USER.tar, USER/, USER/USER.tar[.gz]
//	[weekly/|monthly/]YYYY-MM-DD/system/
//	cpbackup/{daily,weekly,monthly}/USER.tar.gz, USER.tar, USER/, and files/, dirs/ (system backups)
//	cpmove-USER/, cpmove-USER.tar, cpmove-USER.tar.gz
//	backup-M.D.YYYY_HH-MM-SS_USER.tar.gz, backup-..._USER.tar.gz, and the same with .tar
//	backup-DOMAIN-M-D-YYYY_N.tar.gz (a home directory only)
//	USER.tar.gz, USER.tar anywhere
//	.tgz for .tar.gz; copies of whole archives: NAME.1, NAME.~1~, NAME~, NAME.old, NAME.bak, NAME.orig
//	archives packed in other ways (NAME.tar.zst, NAME.tar.xz, ...), which are named as unreadable
//	any of these archives in pieces: NAME.part00001, NAME.part00002, ...
//	any directory that holds cp/ together with homedir/, homedir.tar or userdata/
//
// Snapshots are named so that names sort by time, all times in UTC:
//
//	2026-01-05                   a daily set
//	2026-01-04.weekly            a weekly set; likewise .monthly
//	2026-01-05.legacy-daily      below cpbackup/daily, from the modification time
//	2026-01-02T101500.cpmove     a loose cpmove archive or directory, from the modification time
//	2026-01-02T101500.backup     a loose full backup; the time is that of its name if it has one
//	2026-01-02.home-1            a loose home directory backup, from its name
//	2026-01-02T101500.archive    a loose USER.tar or USER.tar.gz, from the modification time
//	2026-01-02T101500.tree       a loose directory, from the modification time
//	2026-01-02T101500.system     a system backup outside of a dated set
//
// Copies have ".copy-" and what their file names end with behind that: 2026-01-05.copy-1.
//
// The account of an archive or tree outside of a set is that of its name, whatever it says inside: anybody may have made it.
//
// Where one directory has several backups of an account under one name, later ones get ".2", ".3", ...
package cpanel

import "slotfs/indexer/engine"

// Engine recognises and describes cPanel's backups. It has no state.
type Engine struct{}

var _ engine.Engine = (*Engine)(nil)

// New makes the engine.
func New() *Engine { return &Engine{} }
