package live

import (
	"context"
	"os"
	"path"
	"path/filepath"

	"slotfs/cmd/internal/service/restores"
	"slotfs/fs/restore"
	"slotfs/fs/restore/live/record"
	"slotfs/indexer/backup"
)

// leftKind is the kind of the records of what was left in a directory.
const leftKind = "left"

// words say what to do with what is left in a directory.
var words = map[backup.PartKind]string{
	backup.DNS:        "zone files for the name server: compare their SOA serial and addresses with those of this machine, then import them where the zones are kept",
	backup.SSL:        "certificates and keys: install them where the web server has them; those that have expired are of no use",
	backup.DKIM:       "keys that sign mail: install the private ones where the mail server has them; the public ones stand in the DNS zones",
	backup.FTP:        "FTP accounts (login:hash:uid:gid:owner:home:shell): make them in the FTP server, with the uid and gid of the account here",
	backup.Domains:    "the domains of the account and their document roots: make them in the web server before the certificates",
	backup.Lists:      "mailing lists: import them where the list server has them",
	backup.Forwarders: "forwarders: lines ADDRESS: TARGET for the aliases of the mail server",
	backup.Filters:    "filters of the mail server, for Exim",
	backup.Cron:       "a table for `crontab -u USER FILE`, once cron is installed",
}

// leave writes pieces to a directory for root alone, from where somebody puts them where they belong.
func (l *Live) leave(ctx context.Context, q *Request, p *piece, all []piece, out *Outcome) error {
	out.Kind = string(p.kind)
	if l.Owner != "" {
		out.LeftOut = append(out.LeftOut, "only an administrator of the machine can put that in place")
		return nil
	}
	out.Left, out.LeftOut = true, append(out.LeftOut, "for you to put in place: "+words[p.kind])
	if q.DryRun {
		out.Target = "a directory of its own"
		return nil
	}
	rec, err := l.store().New(record.Record{Kind: leftKind, Account: p.account, Source: p.path, Stage: writing})
	if err != nil {
		return err
	}
	defer rec.Close()
	dir := filepath.Join(rec.Dir(), string(p.kind))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	out.ID, out.Target, rec.Target = rec.ID, dir, dir
	src := restores.NewSource(l.Tree)
	var roots []restore.Root
	for _, one := range all {
		e, err := src.Find(ctx, one.path)
		if err != nil {
			return err
		}
		e.Mode = e.Mode&backup.ModeType | 0o700 // what lies in it belongs to nobody but root until it is put in place
		root := restore.Root{Source: src, Entry: e, Name: path.Base(one.path), Path: one.path}
		if one.node.IsDir() && len(all) == 1 {
			root.Name = ""
		}
		roots = append(roots, root)
	}
	place, err := restore.Locate(restore.Destination{Path: dir})
	if err != nil {
		return err
	}
	window, workers := src.Window(&roots[0].Entry)
	s, err := restore.Run(ctx, roots, restore.Options{Place: place, Workers: workers, Window: window, Progress: l.Progress, Failed: out.failed})
	out.Files = &s
	if err != nil {
		return err
	}
	return rec.Reach(record.Done, nil)
}
