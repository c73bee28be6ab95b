package cpanel

import (
	"strings"

	"slotfs/indexer/backup"
)

// verbatim is a file or directory at the root of an account that is shown as it is.
type verbatim struct {
	kind   backup.PartKind
	name   string // at the root
	path   string // in the snapshot's directory
	secret bool
}

var wholes = []verbatim{
	{backup.Lists, "mm", "lists/mm", false},
	{backup.Lists, "mma", "lists/mma", false},
	{backup.Lists, "mms", "lists/mms", false},
	{backup.DNS, "dnssec_keys", "dns/keys", true},
	{backup.SSL, "apache_tls", "ssl/apache_tls", true},
	{backup.SSL, "ssl", "ssl/ssl", true},
	{backup.SSL, "sslcerts", "ssl/sslcerts", true},
	{backup.SSL, "sslkeys", "ssl/sslkeys", true},
	{backup.FTP, "proftpdpasswd", "ftp/proftpdpasswd", true},
	{backup.Domains, "userdata", "domains/userdata", false},
	{backup.Domains, "httpfiles", "domains/httpfiles", false},
	{backup.Domains, "addons", "domains/addons", false},
	{backup.Domains, "pds", "domains/pds", false},
	{backup.Domains, "sds", "domains/sds", false},
	{backup.Domains, "sds2", "domains/sds2", false},
	{backup.Reseller, "resellerconfig", "reseller/resellerconfig", false},
	{backup.Reseller, "resellerfeatures", "reseller/resellerfeatures", false},
	{backup.Reseller, "resellerpackages", "reseller/resellerpackages", false},
	{backup.Config, "cp", "config/cp", false},
	{backup.Config, "authnlinks", "config/authnlinks", false},
	{backup.Config, "autossl.json", "config/autossl.json", false},
	{backup.Config, "customizations", "config/customizations", false},
	{backup.Config, "digestshadow", "config/digestshadow", true},
	{backup.Config, "has_sslstorage", "config/has_sslstorage", false},
	{backup.Config, "homedir_paths", "config/homedir_paths", false},
	{backup.Config, "ips", "config/ips", false},
	{backup.Config, "locale", "config/locale", false},
	{backup.Config, "mailbox_format.cpanel", "config/mailbox_format.cpanel", false},
	{backup.Config, "mysql_host_notes.json", "config/mysql_host_notes.json", false},
	{backup.Config, "nobodyfiles", "config/nobodyfiles", false},
	{backup.Config, "quota", "config/quota", false},
	{backup.Config, "shadow", "config/shadow", true},
	{backup.Config, "shell", "config/shell", false},
	{backup.Config, "suspended", "config/suspended", false},
	{backup.Config, "suspendinfo", "config/suspendinfo", false},
	{backup.Config, "team", "config/team", true},
	{backup.Config, "userconfig", "config/userconfig", false},
	{backup.Config, "version", "config/version", false},
	{backup.Config, "webcalls.json", "config/webcalls.json", false},
}

// cutVerbatim shows what needs no rearranging. pkgacct makes all its directories whether there is anything for
// them or not, so empty ones are no parts.
func (c *partitioner) cutVerbatim() {
	for _, w := range wholes {
		at, ok := c.in(c.root.located, w.name)
		if !ok || at.IsDir() && at.Count == 0 {
			continue
		}
		if c.graft(w.kind, w.path, at, w.secret) && w.kind == backup.Reseller {
			c.counts[backup.Reseller]++
		}
	}
	for _, name := range []string{"public", "private"} {
		if keys, ok := c.directory(c.root.located, "domainkeys", name); ok && keys.Count > 0 {
			c.graft(backup.DKIM, "dkim/"+name, keys, name == "private")
		}
	}
}

// cutHomeKeys shows the certificates and keys that the customer's home holds.
func (c *partitioner) cutHomeKeys() {
	if keys, ok := c.directory(c.home, "ssl"); ok && keys.Count > 0 {
		c.graft(backup.SSL, "ssl/home", keys, true)
	}
}

// cutDNS shows the zones.
func (c *partitioner) cutDNS() {
	zones, _ := c.directory(c.root.located, "dnszones")
	for zone := range c.each(zones) {
		if strings.HasSuffix(zone.Name, ".db") && zone.IsRegular() &&
			c.graft(backup.DNS, "dns/"+zone.Name, zone, false) {
			c.counts[backup.DNS]++
		}
	}
}

// cutCron shows the tables of jobs: one, named after the account.
func (c *partitioner) cutCron() {
	cron, _ := c.directory(c.root.located, "cron")
	for tab := range c.each(cron) {
		if tab.IsRegular() && c.graft(backup.Cron, "cron/"+tab.Name, tab, false) {
			c.counts[backup.Cron]++
		}
	}
}

// cutCounts counts what the whole directories hold.
func (c *partitioner) cutCounts() {
	c.count(backup.Lists, func(at located) bool { return at.IsDir() }, "mm")
	c.count(backup.DKIM, func(at located) bool { return at.IsRegular() }, "domainkeys", "public")
	c.count(backup.SSL, func(at located) bool { return at.IsRegular() }, "apache_tls")
	if c.counts[backup.SSL] == 0 {
		c.count(backup.SSL, func(at located) bool { return strings.HasSuffix(at.Name, ".crt") }, "sslcerts")
	}
	if n := countFTP(c.content("proftpdpasswd"), c.account); n > 0 {
		c.counts[backup.FTP] = n
	}
	if n := len(parseDomains(c.content("userdata", "main"))); n > 0 {
		c.counts[backup.Domains] = n
	}
}

// count adds the entries of the directory at path that are of a kind.
func (c *partitioner) count(kind backup.PartKind, counts func(located) bool, path ...string) {
	dir, _ := c.directory(c.root.located, path...)
	for at := range c.each(dir) {
		if counts(at) {
			c.counts[kind]++
		}
	}
}
