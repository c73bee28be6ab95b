package cpanel

import (
	"context"
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/engine"
	"slotfs/indexer/tree"
)

// Describe implements engine.Engine. Errors are those of the tree and of read. System backups have no parts.
func (e *Engine) Describe(ctx context.Context, s *backup.Source, t *tree.Tree, read engine.ReadFunc) (engine.Description, error) {
	if s.System {
		return engine.Description{}, nil
	}
	c := &partitioner{ctx: ctx, tree: t, read: read, places: make(map[string]bool), counts: make(backup.Counts)}
	c.root = c.findRoot(s.Account)
	var d engine.Description
	if !onlyHome(s) {
		// What such a backup has at its top was chosen by the customer, the name in cp/ too.
		d.Account = c.canonical(c.root, s.Account)
	}
	d.Nameless = s.Loose && (onlyHome(s) || nameless(s.Account) && s.Account != d.Account)
	c.account = d.Account
	if c.account == "" {
		c.account = s.Account
	}
	d.Parts.Full = c.fullPath(c.root)
	d.Status, d.Detail = c.lacking()
	if c.root.kind != noRoot {
		c.findHome()
		c.cut()
		d.Owner = c.owner()
	}
	if c.err != nil {
		return engine.Description{}, c.err
	}
	d.Parts.Grafts, d.Counts, d.Concerns = c.parts(), c.counts, c.cutDumps.Concerns()
	notes := c.notes()
	if d.Detail != "" {
		notes = append([]string{d.Detail}, notes...)
	}
	d.Detail = strings.Join(notes, "; ")
	return d, nil
}

// onlyHome reports whether the source's name says that it is a home directory alone.
func onlyHome(s *backup.Source) bool { return s.Loose && strings.Contains(s.Name, "."+formHome+"-") }

// lacking tells what a tree does not have that every account has.
func (c *partitioner) lacking() (backup.Status, string) {
	switch {
	case c.root.kind == noRoot:
		return backup.Incomplete, "no account found: neither cp/ nor a home directory"
	case c.root.kind == partialRoot && c.root.shape.dirs["cp"]:
		return backup.Incomplete, "cp/ stands alone: homedir/, homedir.tar and userdata/ are missing"
	case c.root.kind == partialRoot:
		return backup.Incomplete, "cp/ is missing"
	}
	return "", ""
}

// findHome finds the home directory. Where there are both homedir/ and homedir.tar, the one with more in
// it is the home: the other is an empty directory or a leftover.
func (c *partitioner) findHome() {
	if c.root.kind == homeRoot {
		c.home, c.hasHome = c.root.located, true
		return
	}
	c.home, c.hasHome = c.directory(c.root.located, "homedir")
	if nested, ok := c.directory(c.root.located, nestedHome); ok && (!c.hasHome || nested.Count > c.home.Count) {
		c.home, c.hasHome = nested, true
	}
}

// cut makes all parts. What a customer cannot multiply comes first: the bound on the number of grafts
// then only ever costs the customer's own mailboxes.
func (c *partitioner) cut() {
	c.cutFiles()
	if c.root.kind != homeRoot {
		c.cutVerbatim()
		c.cutDatabases()
		c.cutDNS()
		c.cutCron()
		c.cutCounts()
		c.cutMailRoutes()
		c.cutDatabaseUsers()
	}
	c.cutHomeKeys()
	c.cutAutoresponders()
	c.cutMail()
	if c.hasHome && c.home.path == "" {
		c.cutBareHome()
	}
}

// cutFiles shows the home directory. A homedir.tar whose members are not known is shown as the file it is.
func (c *partitioner) cutFiles() {
	if c.hasHome {
		c.counts[backup.Files] = int(min(c.home.Count, 1<<31-1))
		if c.home.path != "" {
			c.graft(backup.Files, string(backup.Files), c.home, false)
		}
		return
	}
	if packed, ok := c.in(c.root.located, homedirArchive); ok && packed.IsRegular() {
		c.graft(backup.Files, "files/homedir.tar", packed, false)
	}
}

// cutBareHome shows a home directory that is the whole tree, which a graft cannot name: entry by entry.
// Links at its top are in full/ only.
func (c *partitioner) cutBareHome() {
	for at := range c.each(c.home) {
		c.graft(backup.Files, "files/"+at.Name, at, false)
	}
}
