package cpanel

import (
	"strings"

	"slotfs/indexer/backup"
)

// cutMailRoutes shows forwarders and filters, which lie at the root by domain: in directories of their own
// and beside the mailboxes of the domain.
func (c *partitioner) cutMailRoutes() {
	for _, r := range []struct {
		dir    string
		kind   backup.PartKind
		prefix string
		beside string
	}{
		{"va", backup.Forwarders, "forwarders/", "forwarders"},
		{"vad", backup.Forwarders, "forwarders/whole-domain/", "whole-domain-forwarder"},
		{"vf", backup.Filters, "filters/", "filters"},
	} {
		dir, _ := c.directory(c.root.located, r.dir)
		for at := range c.each(dir) {
			if !at.IsRegular() || !validDomain(at.Name) {
				continue
			}
			if c.graft(r.kind, r.prefix+at.Name, at, false) {
				c.counts[r.kind]++
			}
			c.graft(backup.Email, "email/"+at.Name+"/"+c.besideName(at.Name, r.beside), at, false)
		}
	}
}

// besideName is the name of something beside the mailboxes of a domain. A mailbox of that name keeps it;
// an '@', which no local part has, tells the other one apart.
func (c *partitioner) besideName(domain, name string) string {
	if at, ok := c.directory(c.home, "mail", domain, name); ok && validLocal(at.Name) {
		return name + "@"
	}
	return name
}

// cutAutoresponders shows homedir/.autorespond: a text for each address and a .json with its times.
func (c *partitioner) cutAutoresponders() {
	dir, _ := c.directory(c.home, ".autorespond")
	for at := range c.each(dir) {
		if at.IsRegular() && c.graft(backup.Autoresponders, "autoresponders/"+at.Name, at, false) &&
			!strings.HasSuffix(at.Name, ".json") {
			c.counts[backup.Autoresponders]++
		}
	}
}

// cutMail shows accounts, mailboxes and the account's own mailbox.
func (c *partitioner) cutMail() {
	etc, _ := c.directory(c.home, "etc")
	for domain := range c.each(etc) {
		if domain.IsDir() && validLocal(domain.Name) {
			c.cutMailAccounts(domain)
		}
	}
	mail, _ := c.directory(c.home, "mail")
	for domain := range c.each(mail) {
		if domain.IsDir() && !ownDirectory(domain.Name) {
			c.cutMailboxes(domain)
		}
	}
	c.cutOwnMailbox(mail)
}

// cutMailAccounts shows what homedir/etc/DOMAIN knows of accounts, and the filters of single accounts.
func (c *partitioner) cutMailAccounts(domain located) {
	list := "email/" + domain.Name + "/" + c.besideName(domain.Name, "accounts") + "/"
	known := false
	for _, name := range []string{"passwd", "quota", "shadow"} {
		if at, ok := c.in(domain, name); ok && at.IsRegular() {
			known = c.graft(backup.Email, list+name, at, name == "shadow") || known
		}
	}
	if !known && !validDomain(domain.Name) {
		return
	}
	for local := range c.each(domain) {
		if !local.IsDir() || !validLocal(local.Name) {
			continue
		}
		address := local.Name + "@" + domain.Name
		if at, ok := c.in(local, "filter"); ok && at.IsRegular() && c.graft(backup.Filters, "filters/"+address, at, false) {
			c.counts[backup.Filters]++
		}
		if at, ok := c.in(local, "filter.yaml"); ok && at.IsRegular() {
			c.graft(backup.Filters, "filters/"+address+".yaml", at, false)
		}
	}
}

// cutMailboxes shows the mailboxes of a domain. The links LOCAL@DOMAIN and .LOCAL@DOMAIN_TLD beside the
// domain's directory lead to the same mailboxes and are not real directories.
func (c *partitioner) cutMailboxes(domain located) {
	if !validDomain(domain.Name) {
		if _, ok := c.directory(c.home, "etc", domain.Name); !ok {
			return // some directory of the customer's
		}
	}
	for box := range c.each(domain) {
		if box.IsDir() && validLocal(box.Name) &&
			c.graft(backup.Email, "email/"+domain.Name+"/"+box.Name, box, false) {
			c.counts[backup.Email]++
		}
	}
}

// cutOwnMailbox shows the account's own mailbox, which lies in homedir/mail among the domains.
func (c *partitioner) cutOwnMailbox(mail located) {
	name := c.account
	if name == "" || validDomain(name) {
		name = "default" // a domain's directory holds its mailboxes
	}
	box := false
	for _, directories := range []bool{true, false} { // files last: there may be very many
		for at := range c.each(mail) {
			if at.IsDir() != directories || directories && !ownDirectory(at.Name) {
				continue
			}
			c.graft(backup.Email, "email/"+name+"/"+at.Name, at, false)
			box = box || directories && (at.Name == "cur" || at.Name == "storage")
		}
	}
	if box {
		c.counts[backup.Email]++
	}
}

// ownDirectory reports whether a directory in homedir/mail belongs to the account's own mailbox: maildir's, its
// subdirectories, which start with a dot, or mdbox's.
func ownDirectory(name string) bool {
	switch name {
	case "cur", "new", "tmp", "storage", "mailboxes":
		return true
	}
	return name[0] == '.' && !strings.Contains(name, "@")
}

// validDomain reports whether name can be a domain.
func validDomain(name string) bool {
	return validLocal(name) && strings.Contains(name, ".")
}

// validLocal reports whether name can be the part of an address before the '@'.
func validLocal(name string) bool {
	return validName(name) && name[0] != '.' && !strings.Contains(name, "@")
}
