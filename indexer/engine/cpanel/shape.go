package cpanel

import (
	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
)

// shape is what the names in a directory say about it.
type shape struct {
	dirs  map[string]bool // of the names that matter
	files map[string]bool
	known int // names that stand at the root of an account
}

// shapeOf reads a listing.
func shapeOf(entries []dest.Info) shape {
	s := shape{dirs: make(map[string]bool), files: make(map[string]bool)}
	for _, i := range entries {
		s.add(i.Name, i.Mode)
	}
	return s
}

func (s *shape) add(name string, mode uint32) {
	switch mode & backup.ModeType {
	case backup.ModeDir:
		if isMarkerDir(name) {
			s.dirs[name] = true
		}
		if accountDir(name) {
			s.known++
		}
	case backup.ModeRegular:
		if name == "homedir.tar" {
			s.files[name] = true
			s.known++
		}
	}
}

// account reports the root of an account: cp/ together with homedir/, homedir.tar or userdata/.
func (s *shape) account() bool {
	return s.dirs["cp"] && (s.dirs["homedir"] || s.files["homedir.tar"] || s.dirs["userdata"])
}

func (s *shape) maildir() bool { return s.dirs["cur"] && s.dirs["new"] && s.dirs["tmp"] }

// home reports the home directory of a customer.
func (s *shape) home() bool {
	return s.dirs["public_html"] || s.dirs["mail"] && s.dirs["etc"]
}

// system reports a system backup outside of a dated set.
func (s *shape) system() bool { return s.dirs["files"] || s.dirs["dirs"] }

func isMarkerDir(name string) bool {
	switch name {
	case "cp", "homedir", "userdata", "cur", "new", "tmp", "public_html", "mail", "etc", "files", "dirs":
		return true
	}
	return false
}

// accountDir reports whether name is one that pkgacct gives a directory at the root of an account and that
// hardly anything else has.
func accountDir(name string) bool {
	switch name {
	case "apache_tls", "authnlinks", "bandwidth_db", "cp", "customizations", "dnssec_keys", "dnszones",
		"domainkeys", "homedir", "httpfiles", "mm", "mma", "mms", "mysql", "mysql-timestamps", "psql",
		"resellerconfig", "resellerfeatures", "resellerpackages", "sslcerts", "sslkeys", "suspendinfo",
		"userconfig", "userdata", "va", "vad", "vf":
		return true
	}
	return false
}

// rootNames are the names that say whether a directory is the root of an account or a home directory.
var rootNames = []string{"cp", "homedir", "homedir.tar", "userdata", "public_html", "mail", "etc", "apache_tls",
	"authnlinks", "bandwidth_db", "customizations", "dnssec_keys", "dnszones", "domainkeys", "httpfiles", "mm",
	"mma", "mms", "mysql", "mysql-timestamps", "psql", "resellerconfig", "resellerfeatures", "resellerpackages",
	"sslcerts", "sslkeys", "suspendinfo", "userconfig", "va", "vad", "vf"}
