package cpanel

import (
	"slices"

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
		if slices.Contains(markers, name) {
			s.dirs[name] = true
		}
		if slices.Contains(accountDirs, name) {
			s.known++
		}
	case backup.ModeRegular:
		if name == homedirArchive {
			s.files[name] = true
			s.known++
		}
	}
}

// account reports the root of an account: cp/ together with homedir/, homedir.tar or userdata/.
func (s *shape) account() bool {
	return s.dirs["cp"] && (s.dirs["homedir"] || s.files[homedirArchive] || s.dirs["userdata"])
}

func (s *shape) maildir() bool { return s.dirs["cur"] && s.dirs["new"] && s.dirs["tmp"] }

// home reports the home directory of a customer.
func (s *shape) home() bool {
	return s.dirs["public_html"] || s.dirs["mail"] && s.dirs["etc"]
}

// system reports a system backup outside of a dated set.
func (s *shape) system() bool { return s.dirs["files"] || s.dirs["dirs"] }

// What the names of directories tell: markers say what a directory is; accountDirs are what pkgacct puts at the root of an
// account and hardly anything else has.
var (
	markers     = []string{"cp", "homedir", "userdata", "cur", "new", "tmp", "public_html", "mail", "etc", "files", "dirs"}
	accountDirs = []string{"apache_tls", "authnlinks", "bandwidth_db", "cp", "customizations", "dnssec_keys", "dnszones",
		"domainkeys", "homedir", "httpfiles", "mm", "mma", "mms", "mysql", "mysql-timestamps", "psql",
		"resellerconfig", "resellerfeatures", "resellerpackages", "sslcerts", "sslkeys", "suspendinfo",
		"userconfig", "userdata", "va", "vad", "vf"}
)

// homedirArchive is the home directory of an account where that is an archive in the archive.
const homedirArchive = "homedir.tar"
