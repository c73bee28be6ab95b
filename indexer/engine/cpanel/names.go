package cpanel

import (
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"slotfs/indexer/archive"
	"slotfs/indexer/backup"
)

// Forms of loose archives; they end the names of snapshots.
const (
	formPlain  = "archive"
	formCpmove = "cpmove"
	formBackup = "backup"
	formHome   = "home"
	formCopy   = "copy"
	formPacked = "packed"
	formTree   = "tree"
	formSystem = "system"
)

// splitPieces says what to do with pieces whose names are not those that cPanel gives them.
const splitPieces = "a piece of a divided archive: put the pieces together with cat, or call them NAME.part00001, NAME.part00002, ..."

// maxAccount is the longest account name that is believed, in bytes. cPanel's own limit is 16 characters.
const maxAccount = 64

// archiveName is what the name of a file says of the archive in it.
type archiveName struct {
	form    string
	account string
	kind    backup.Kind
	base    string    // the name without .partNNNNN
	piece   int       // number of the piece, from 1; 0 for a whole archive
	when    time.Time // zero where the name has no time
	serial  string    // of a home backup: what tells those of one day apart
	copy    string    // of a copy that was kept under another name: what stands behind the ending
	unread  string    // why archives of such names are not read; empty: they are
}

var (
	pieceName = regexp.MustCompile(`\.part([0-9]{5})$`)
	// Month and day are not padded: backup-1.5.2026_10-15-00_alice
	fullBackup = regexp.MustCompile(`^backup-([0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}_[0-9]{2}-[0-9]{2}-[0-9]{2})_(.+)$`)
	// What programs that rotate or keep files append: alice.tar.gz.1, alice.tar.gz.~1~, alice.tar.gz.old
	copyName = regexp.MustCompile(`^(.+\.(?:tar|tar\.gz|tgz))(?:\.~?(0|[1-9][0-9]{0,13})~?|\.(old|bak|orig)|(~))$`)
	// The first piece of an archive that was divided by split, with the names that it makes.
	splitName  = regexp.MustCompile(`^(.+)\.(?:tar|tar\.gz|tgz)\.(?:0{2,5}|0{1,4}1|a{2,4})$`)
	homeBackup = regexp.MustCompile(`^backup-(.+)-([0-9]{1,2}-[0-9]{1,2}-[0-9]{4})_([0-9]{1,9})$`)
)

// parseArchive reads the name of a file. Names that are not of an archive, temporary names of transfers
// included, are refused.
func parseArchive(name string) (archiveName, bool) {
	a := archiveName{base: name}
	if m := pieceName.FindStringSubmatch(name); m != nil {
		a.base = strings.TrimSuffix(name, m[0])
		a.piece, _ = strconv.Atoi(m[1])
	}
	whole := a.base
	if m := copyName.FindStringSubmatch(whole); m != nil && a.piece == 0 {
		whole, a.copy = m[1], "1"
		if label := m[2] + m[3]; label != "" {
			a.copy = label
		}
	}
	stem := a.cutEnding(whole)
	if stem == "" {
		return archiveName{}, false
	}
	a.readStem(stem)
	return a, validAccount(a.account)
}

// cutEnding finds the kind of an archive, and returns its name without the ending, or "".
func (a *archiveName) cutEnding(name string) string {
	for _, ending := range []string{".tar.gz", ".tgz"} {
		if stem, ok := strings.CutSuffix(name, ending); ok {
			a.kind = backup.TarGzip
			return stem
		}
	}
	a.kind = backup.Tar
	if stem, ok := strings.CutSuffix(name, ".tar"); ok {
		return stem
	}
	if m := splitName.FindStringSubmatch(name); m != nil {
		a.unread = splitPieces
		return m[1]
	}
	var stem string
	stem, a.unread = archive.Foreign(name)
	return stem
}

// readStem reads the name of an archive or of a directory that one was unpacked to.
func (a *archiveName) readStem(stem string) {
	a.form, a.account = formPlain, stem
	if rest, ok := strings.CutPrefix(stem, "cpmove-"); ok {
		a.form, a.account = formCpmove, rest
	} else if strings.HasPrefix(stem, "backup-") {
		a.readBackup(stem)
	}
}

// nameless reports whether what stands where the name of an account would is none: no account's name is a number or a time.
func nameless(account string) bool {
	return !strings.ContainsFunc(account, unicode.IsLetter)
}

// readBackup reads the names that start with backup-. One that has none of the forms keeps being plain.
func (a *archiveName) readBackup(stem string) {
	if m := fullBackup.FindStringSubmatch(stem); m != nil {
		a.form, a.account = formBackup, m[2]
		a.when, _ = time.Parse("1.2.2006_15-04-05", m[1])
		return
	}
	if m := homeBackup.FindStringSubmatch(stem); m != nil {
		if day, err := time.Parse("1-2-2006", m[2]); err == nil {
			a.form, a.account, a.when, a.serial = formHome, m[1], day, m[3]
			return
		}
	}
	if i := strings.LastIndexByte(stem, '_'); i >= 0 {
		a.form, a.account = formBackup, stem[i+1:]
	}
}

// validAccount reports whether name can be the name of an account, and of a directory.
func validAccount(name string) bool {
	if name == "" || len(name) > maxAccount || name[0] == '.' || name[0] == '-' {
		return false
	}
	if strings.Contains(name, "-=-") || name == "lost+found" { // USER-=-meta stands beside the accounts
		return false
	}
	return validName(name) && !strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f })
}

// validName reports whether name can be an element of a path.
func validName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= 255 && !strings.ContainsAny(name, "/\x00")
}

// temporary reports whether a file of that name is a transfer that is under way or was cut off: rsync's
// .NAME.XXXXXX and the endings that other programs use.
func temporary(name string) bool {
	if strings.HasPrefix(name, ".") {
		return true
	}
	for _, suffix := range []string{".part", ".tmp", ".filepart"} {
		if strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}
