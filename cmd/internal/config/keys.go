package config

import (
	"fmt"
	"strings"
)

// Key describes one key of the configuration file for people.
type Key struct {
	Table   string // "destination", "job", "notify": of [TABLE.NAME]; others: of [TABLE]
	Name    string
	Example string // a value as it stands in the file
	Default string // what counts where the key is absent, in words; empty: nothing
	Text    string
}

// Path is the key with its table: "destination.port".
func (k Key) Path() string { return k.Table + "." + k.Name }

// Table describes one kind of table.
type Table struct {
	Name  string
	Named bool // each has a name of its own: [destination.offsite]
	Text  string
}

// Heading is the table's first line in the file.
func (t Table) Heading() string {
	if t.Named {
		return "[" + t.Name + ".NAME]"
	}
	return "[" + t.Name + "]"
}

// Tables describes the tables of the file in the order of the manual.
func Tables() []Table {
	return []Table{
		{"destination", true, "An SFTP account with a directory of backups. NAME has 1 to 40 characters of `a-z 0-9 . _ -`, the first a letter or digit."},
		{"job", true, "What `slotfs sync NAME` writes to a destination with the engine `slots`."},
		{"cache", false, "What mounts keep on the local disk of what was read, from the next mount on."},
		{"live", false, "How `slotfs restore --live` puts parts of a backup back into live accounts."},
		{"watch", false, "When something is wrong although nothing failed."},
		{"metrics", false, "Where Prometheus finds what can be measured."},
		{"sftp-server", false, "What the mount shows, by SFTP and read only, for people without an account on this machine."},
		{"web", false, "Where backups can be looked at, downloaded and restored in a browser."},
		{"panel", false, "Where users of this machine ask for the backups of their own accounts, by the pages of hosting panels; `slotfs panel install` adds it."},
		{"fleet", true, "Another machine with slotfs, which `slotfs fleet` asks."},
		{"access", true, "What owners of accounts may do with parts of their backups on the page, by SFTP, by the API and in panels. Where several tables are about a part of an account, the last one in the file counts; where none is, owners may look and download."},
		{"notify", true, "Whom alarms are sent to. Exactly one of `url`, `url-file`, `sendmail` and `command` says how."},
	}
}

// Keys describes every key of the file in the order of the manual.
func Keys() []Key {
	var all []Key
	for _, table := range [][]Key{destinationKeys, jobKeys, cacheKeys, liveKeys, watchKeys, metricsKeys, sftpServerKeys, webKeys, panelKeys, fleetKeys, accessKeys, notifyKeys} {
		all = append(all, table...)
	}
	return all
}

// FindKeys gives the keys with a name, "port" or "destination.port".
func FindKeys(name string) []Key {
	var found []Key
	for _, k := range Keys() {
		if k.Name == name || k.Path() == name {
			found = append(found, k)
		}
	}
	return found
}

var destinationKeys = []Key{
	{"destination", "engine", `"cpanel"`, "", "Layout of the backups: `cpanel`, made by cPanel & WHM, or `slots`, made by `slotfs sync`."},
	{"destination", "directory", `"backups"`, "the remote home", "Where the backups are: relative to the remote home, or absolute."},
	{"destination", "host", `"backup.example.com"`, "", "Name or address of the SFTP server."},
	{"destination", "port", "22", fmt.Sprint(DefaultPort), "Port of the SFTP server."},
	{"destination", "username", `"backup"`, "", "User to log in as."},
	{"destination", "password-file", `"/root/backup.password"`, "`STATE-DIR/secrets/NAME` if there is one",
		"File whose first line is the password. It must have no permissions for others."},
	{"destination", "identity-file", `"/root/.ssh/backup"`, "`STATE-DIR/keys/NAME`, the key that slotfs made; without password and key those of the agent at `$SSH_AUTH_SOCK`",
		"Private key to log in with. It must have no permissions for others."},
	{"destination", "passphrase-file", `"/root/backup.passphrase"`, "", "File whose first line is the passphrase of the identity file."},
	{"destination", "host-key", `"ssh-ed25519 AAAA..."`, "no host key is accepted",
		"The only host keys that are accepted, one or a list, as `ssh-keyscan` prints them without the host's name. `\"@cert-authority ssh-ed25519 AAAA...\"` accepts what this key signed."},
	{"destination", "connection-timeout", `"30s"`, "`30s`", "How long connecting may take, and the answer to a request that transfers no data."},
	{"destination", "max-retries", "5", fmt.Sprint(DefaultMaxRetries),
		"How often a lost connection is tried again, counted from the last success; 0: no limit. The pauses grow to 30 s, so that five of them outlast a minute without network. While somebody waits the destination is tried in between too, every five seconds and with each new read; that costs no retry. A refused log-in is not tried again for a minute, then for longer."},
	{"destination", "max-connections", "4", fmt.Sprint(DefaultMaxConnections), "Connections at once; 0: no limit."},
	{"destination", "reindex", `"05:30"`, "only by hand",
		"When the mount indexes by itself, in local time; for the engine `cpanel` only. `05:30` is every day; `every 6h` is at whole multiples of the interval since midnight UTC (one minute to a year); a cron expression has minute, hour, day of month, month and day of week; `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly` are short for one."},
	{"destination", "scrub", `"1/30"`, "nothing",
		"Share of the bytes of all backups that a mount reads again each day and compares with what the index has of them, the backup that was not read for longest first; for the engine `cpanel` only. With `1/30` every backup is read once in thirty days."},
	{"destination", "scrub-bandwidth", `"20M"`, "`20M`", "Read at most so many bytes per second for that, with `K`, `M` or `G`."},
	{"destination", "legacy-algorithms", "true", "false", "Accept weak key exchanges and `ssh-rsa`, for servers that know nothing better."},
	{"destination", "local-origin", `"srv1"`, "none",
		"Origin, or a list of them, whose accounts are users of this machine: the path between the directory and the date directories, `\"\"` where there is none. With `mount --allow-other` these users may look at their own backups; everything else belongs to root, but for the slots that this machine wrote."},
	{"destination", "window", `"01:00-05:00"`, "always", "Part of each day, in local time, in which `slotfs sync` begins with accounts there; for the engine `slots` only. A run that comes earlier waits. What it has not begun with when the window ends is left to the next run, which begins with the accounts whose backup is the oldest. `sync --now` does not heed it."},
	{"destination", "jitter", `"15m"`, "none", "`slotfs sync` begins later by a random time up to this one, so that many servers with the same schedule do not come together; `--now` does not heed it."},
	{"destination", "max-writers", "2", "no limit", "Runs of `slotfs sync`, from all machines that have this setting, that write there at once; 1 to 1000. The others wait, first come, first served. A run that dies holds up nobody for longer than ten minutes."},
	{"destination", "max-wait", `"12h"`, "`12h`", "How long a run waits for others to end before it fails; with `never` it never does."},
	{"destination", "max-age", `"26h"`, "that of `[watch]`", "Age of the newest good backup from which on there is an alarm; `never` watches nothing."},
}

var jobKeys = []Key{
	{"job", "destination", `"own-box"`, "", "A destination with the engine `slots`."},
	{"job", "source", `["/home/*", {path = "/home2/*", allow-empty = true}]`, "",
		"Directories and patterns: each directory that a pattern matches is an account of that name. With `allow-empty` it is no error if the source matches nothing, is not there, or has fewer accounts than the last time."},
	{"job", "account-name", `"www"`, "the name of the directory", "Name of the account of a job with one source that is no pattern."},
	{"job", "retention", "7", "", "How many backups are kept, 1 to 999; a run takes the slot with the oldest one. With 1 a second slot is used so that there is always a backup. The `keep-*` stand in its place."},
	{"job", "keep-hourly", "24", "0", "Keep the newest backup of each of so many hours in which there was one. There are as many slots as the sum of all `keep-*`, and a run takes the one that they need least."},
	{"job", "keep-daily", "7", "0", "The same of days in local time, beside what `keep-hourly` keeps."},
	{"job", "keep-weekly", "4", "0", "The same of weeks, which begin on Monday, beside what the finer ones keep."},
	{"job", "keep-monthly", "6", "0", "The same of months, beside what the finer ones keep."},
	{"job", "keep-yearly", "2", "0", "The same of years, beside what the finer ones keep."},
	{"job", "mode", `"incremental"`, "`" + DefaultMode + "`", "`incremental`: a plain tree in each slot; `compressed`: one `.tar.gz`, which needs room for one more while it is written."},
	{"job", "prefix", `"homedir"`, "the backup is the source", "Directory of the backup that the source becomes, beside what the command before it stages."},
	{"job", "exclude", `["/tmp/", "*.log"]`, "", "Leave out what these patterns match, as with rsync."},
	{"job", "exclude-file", `"cpbackup-exclude.conf"`, "",
		"File in the source with more patterns, one a line. Its owner may write 64 KiB, 1000 patterns and 1024 bytes a pattern; what is beyond has no effect."},
	{"job", "exclude-caches", "true", "false", "Leave out what is below a `CACHEDIR.TAG`."},
	{"job", "one-file-system", "true", "false", "Leave out what is mounted in the source."},
	{"job", "include-network-filesystems", "true", "false", "Read what is mounted in the source from other machines (NFS, CIFS, ...) or by FUSE."},
	{"job", "stall-timeout", `"10m"`, "`10m`", "Give an account up when its source answers nothing for so long."},
	{"job", "before", `"/usr/local/bin/slotfs-pkgacct"`, "", "Command for the shell before an account is read; if it fails, so does the account."},
	{"job", "after", `"/usr/local/bin/after-backup"`, "", "Command for the shell when the account's backup ended, whichever way."},
	{"job", "fill", `"auto"`, "`" + DefaultFill + "`", "How a slot gets the files that another slot holds already: `auto`, `upload`, `copy` or `link`."},
	{"job", "bandwidth", `"20M"`, "no limit", "Send at most so many bytes per second, with `K`, `M` or `G`; of all accounts together."},
	{"job", "concurrency", "2048", fmt.Sprint(DefaultConcurrency), "Files of an account in flight at once."},
	{"job", "parallel-accounts", "4", "4; 1 with commands or archives", "Accounts that are backed up side by side."},
	{"job", "gone-after", `"90d"`, "`never`", "Remove the backups of an account when runs have not found it on so many days, at least `1d`; there is an alarm a week before. Days count only while the rest of its directory is there, on the same file system."},
	{"job", "max-age", `"26h"`, "that of `[watch]`", "Age of an account's newest good backup from which on there is an alarm; `never` watches nothing."},
	{"job", "ping", `"https://hc-ping.com/UUID"`, "", "URL that is asked when a run of all accounts succeeded; with `/start` and `/fail` behind it when one begins and fails. It is a secret."},
}

var fleetKeys = []Key{
	{"fleet", "url", `"ssh://root@web1"`, "", "How its service is reached: `ssh://USER@HOST:PORT` by OpenSSH's `ssh`, which has to log in without asking, to `control.sock` in the state directory, `/var/lib/slotfs` or the path of the URL; `https://HOST:PORT` by its page (`[web]`)."},
	{"fleet", "token-file", `"/root/web1.link"`, "", "Of `https`: file with a link that `slotfs link --admin --valid 30d` made there. It must have no permissions for others."},
}

var cacheKeys = []Key{
	{"cache", "size", `"20GiB"`, "4 GiB, or a tenth of the free space if that is less", "Size of the cache, at least `64MiB`; `0` keeps nothing. `mount --cache-size` goes before it."},
	{"cache", "directory", `"/ssd/slotfs"`, "`STATE-DIR/cache`", "A directory for the cache alone."},
}

var liveKeys = []Key{
	{"live", "keep-before", `"7d"`, "`7d`", "How long what was there before is kept for `slotfs restore --undo`; `never` keeps it for good."},
	{"live", "postgresql-socket", `"/run/postgresql"`, "`/run/postgresql`", "The directory of the socket of this machine's PostgreSQL, which is asked as its user `postgres`."},
	{"live", "postgresql-port", "5432", "5432", "The port that is part of the socket's name."},
	{"live", "mysql-defaults-file", `"/root/.my.cnf"`, "those that the command `mysql` reads", "The only option file that says where the MySQL or MariaDB server is and who logs in."},
}

var watchKeys = []Key{
	{"watch", "max-age", `"26h"`, "`26h`", "Age of the newest good backup from which on there is an alarm; `3d` is 72 hours, `never` watches nothing. Jobs and destinations may have a `max-age` of their own."},
	{"watch", "unreachable-after", `"2h"`, "`2h`", "A destination that does not answer for so long is an alarm of its own."},
	{"watch", "nearly-full", "95", fmt.Sprint(DefaultNearlyFull), "Percent of a destination's file system in use from which on there is an alarm."},
	{"watch", "dump-shrinks-to", "10", fmt.Sprint(DefaultDumpShrinks), "A database dump with less than so many percent of its size in the backup before is a concern; `0`: none is."},
	{"watch", "home-shrinks-to", "50", fmt.Sprint(DefaultHomeShrinks), "Less than so many percent of the entries of the home directory, or of the bytes of the whole backup, are a concern; `0`: none are."},
}

var metricsKeys = []Key{
	{"metrics", "listen", `"127.0.0.1:9812"`, "nowhere", "The process that has the index answers `GET /metrics` here."},
	{"metrics", "textfile", `"/var/lib/node_exporter/slotfs.prom"`, "none", "File that is replaced each minute, and by `sync`, for the text file collector of node_exporter."},
}

var sftpServerKeys = []Key{
	{"sftp-server", "listen", `":2022"`, "nowhere", "The process that has the index answers SFTP here; without an address on every interface."},
	{"sftp-server", "keys", `{alice = "ssh-ed25519 AAAA...", root = ["ssh-ed25519 AAAA..."]}`, "none",
		"Public keys that let an account's owner in, one or a list for each account; those of `root` see everything. `slotfs link --sftp` makes passwords."},
}

var webKeys = []Key{
	{"web", "listen", `"127.0.0.1:8480"`, "nowhere", "The process that has the index serves the page here: a mount or `slotfs serve`. Without a certificate nothing but this machine itself can be named."},
	{"web", "certificate", `"/etc/ssl/slotfs.pem"`, "none: HTTP without TLS", "Certificate, in PEM, with those between it and its authority behind it. It is read again when it changes."},
	{"web", "key", `"/etc/ssl/slotfs.key"`, "none", "Private key of the certificate, in PEM. It must have no permissions for others."},
	{"web", "url", `"https://backup.example.com:8480"`, "made of `listen` and the name of this machine", "The page as people reach it, for links: say it where a proxy stands before it, or where the certificate has another name."},
}

var panelKeys = []Key{
	{"panel", "socket", `"/run/slotfs/panel.sock"`, "none",
		"Unix socket of the process that has the index. Every user of this machine may connect, and sees his own account alone: who asks is what the kernel says. Nobody but root may write its directory."},
}

var accessKeys = []Key{
	{"access", "accounts", `["shop*"]`, "all", "Patterns of the names of accounts: `*`, `?`, `[a-z]`."},
	{"access", "parts", `["ssl", "dkim"]`, "all", "Parts of a backup: `" + strings.Join(partNames(), "`, `") + "`. What belongs to one of the others is withheld in `files` too."},
	{"access", "rights", `["view", "download"]`, "", "`view`: names, sizes and times; `download`: contents; `restore`: back into the live account; `[]`: none."},
}

var notifyKeys = []Key{
	{"notify", "url", `"ntfy://ntfy.sh/topic"`, "", "A service as shoutrrr names them: smtp, slack, discord, telegram, teams, ntfy, generic and others. It is a secret."},
	{"notify", "url-file", `"/root/notify.url"`, "", "File whose first line is the URL."},
	{"notify", "sendmail", `"ops@example.com"`, "", "Mail addresses, with commas between them, for the machine's own `sendmail`."},
	{"notify", "command", `"/usr/local/bin/alarm"`, "", "Command for the shell, with the message on standard input."},
	{"notify", "events", `["failed", "silence"]`, "all", "Events that are told: `" + strings.Join(Events, "`, `") + "`."},
	{"notify", "destinations", `["offsite"]`, "all", "Only alarms about these destinations."},
	{"notify", "jobs", `["nightly"]`, "all", "Only alarms about these jobs."},
	{"notify", "min-interval", `"15m"`, "`15m`", "Least time between two messages."},
}
