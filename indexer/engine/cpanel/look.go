package cpanel

import (
	"fmt"
	"strings"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
)

// maxDepth bounds the walk: directories deeper than this are not looked into.
const maxDepth = 12

// Detect implements engine.Engine. It goes by names, types, sizes and times; symbolic links and hidden
// names are never backups.
func (e *Engine) Detect(dir engine.Dir) engine.Detected {
	p := locationOf(dir.Path)
	switch p.role {
	case inside:
		return engine.Detected{}
	case systemDirectory:
		return one(systemSource(p, dir))
	case accountDirectory, legacyDirectory:
		return lookAccount(p, dir)
	case accountsSet, legacySet:
		return engine.Detected{Sources: archives(p, dir), Descend: accountDirectories(dir)}
	}
	return lookAnywhere(p, dir)
}

// What is odd about the directory of a destination in which nothing is looked for.
const (
	oddAccount = "the destination's directory is the tree of one account: nothing in it is taken for a backup; " +
		"make the directory above it the destination's"
	oddHome = "the destination's directory looks like a customer's home or mailbox: nothing in it is taken for a " +
		"backup; make the directory that holds the backups the destination's"
)

func one(s backup.Source) engine.Detected { return engine.Detected{Sources: []backup.Source{s}} }

// lookAnywhere looks at a directory whose path says nothing of its purpose.
func lookAnywhere(p location, dir engine.Dir) engine.Detected {
	has := shapeOf(dir.Entries)
	account, cpmove := strings.CutPrefix(p.directory, "cpmove-")
	cpmove = cpmove && validAccount(account)
	switch {
	case has.account() && dir.Path == "":
		return engine.Detected{Warning: oddAccount} // nothing above it names it, and nothing in it is a destination
	case has.account() && validAccount(account):
		return one(looseTree(p, dir, account, cpmove))
	case has.account() || has.maildir() || has.home():
		if dir.Path == "" {
			return engine.Detected{Warning: oddHome}
		}
		return engine.Detected{} // a customer's directories: nothing in there is a backup of the server
	case p.directory == "system" && has.system():
		p.origin = parent(p.origin)
		return one(systemSource(p, dir))
	}
	found := engine.Detected{Sources: archives(p, dir)}
	if cpmove && len(found.Sources) == 0 && (len(dir.Entries) == 0 || has.known > 0) {
		return one(looseTree(p, dir, account, true))
	}
	found.Descend = directories(dir)
	return found
}

// lookAccount looks at the directory of one account in a set: a tree, or a directory around its archive. What
// is neither is shown as the tree it is.
func lookAccount(p location, dir engine.Dir) engine.Detected {
	if !validAccount(p.directory) {
		return engine.Detected{}
	}
	has := shapeOf(dir.Entries)
	if p.role == legacyDirectory && (p.directory == "files" || p.directory == "dirs") && !has.account() {
		return one(systemSource(p, dir))
	}
	if !has.account() {
		if sources := archives(p, dir); len(sources) > 0 {
			return engine.Detected{Sources: sources}
		}
	}
	s := directorySource(p, dir, p.directory)
	nameDirectory(&s, p, formTree)
	s.Fault, s.Detail = nothingIn(dir.Entries)
	return one(sealed(s, dir.Entries))
}

// looseTree makes the source of an account's tree outside of a set. Its own directory is no part of the origin.
func looseTree(p location, dir engine.Dir, account string, cpmove bool) backup.Source {
	if !isDate(p.directory) { // a date is no part of the origin to begin with
		p.origin = parent(p.origin)
	}
	var name archiveName
	name.readStem(account)
	if name.form == formBackup {
		account = name.account // of a full backup that was unpacked
	}
	s := directorySource(p, dir, account)
	form := formTree
	if cpmove {
		form = formCpmove
	}
	nameDirectory(&s, p, form)
	s.Fault, s.Detail = nothingIn(dir.Entries)
	return sealed(s, dir.Entries)
}

// systemSource makes the source of a system backup.
func systemSource(p location, dir engine.Dir) backup.Source {
	s := directorySource(p, dir, "")
	s.System = true
	nameDirectory(&s, p, formSystem)
	s.Loose = false
	if p.role == legacyDirectory {
		s.Name += "." + p.directory // cpbackup/daily has two directories of them
	}
	s.Fault, s.Detail = nothingIn(dir.Entries)
	return sealed(s, dir.Entries)
}

// nothingIn tells the fault of a directory that has nothing to show.
func nothingIn(entries []dest.Info) (backup.Status, string) {
	if len(entries) == 0 {
		return backup.Incomplete, "empty directory"
	}
	for _, i := range entries {
		if i.Mode&backup.ModeType != backup.ModeRegular || !temporary(i.Name) {
			return "", ""
		}
	}
	return backup.Incomplete, "nothing but unfinished transfers"
}

// accountDirectories lists the directories of a set that may be accounts.
func accountDirectories(dir engine.Dir) []string {
	var names []string
	for _, i := range dir.Entries {
		if isDir(i) && validAccount(i.Name) {
			names = append(names, i.Name)
		}
	}
	return names
}

// directories lists where backups may be found below dir.
func directories(dir engine.Dir) []string {
	if depth(dir.Path) >= maxDepth {
		return nil
	}
	var names []string
	for _, i := range dir.Entries {
		if !isDir(i) || !validName(i.Name) || i.Name[0] == '.' || i.Name == "lost+found" || i.Name == "homedir" {
			continue
		}
		names = append(names, i.Name)
	}
	return names
}

func depth(path string) int {
	if path == "" {
		return 0
	}
	return strings.Count(path, "/") + 1
}

func parent(path string) string {
	return path[:max(strings.LastIndexByte(path, '/'), 0)]
}

func isDir(i dest.Info) bool { return i.Mode&backup.ModeType == backup.ModeDir }

func join(dir, name string) string {
	if dir == "" {
		return name
	}
	return dir + "/" + name
}

// archives makes the sources of the archives in dir.
func archives(p location, dir engine.Dir) []backup.Source {
	var sources []backup.Source
	split := make(map[string][]piece)
	var bases []string
	for _, i := range dir.Entries {
		if i.Mode&backup.ModeType != backup.ModeRegular || !validName(i.Name) {
			continue
		}
		a, ok := parseArchive(i.Name)
		if !ok {
			continue
		}
		f := backup.File{Path: join(dir.Path, i.Name), Size: i.Size, MTime: i.MTime}
		if a.piece == 0 && !strings.HasSuffix(i.Name, ".part00000") {
			s := archiveSource(p, a, []backup.File{f})
			sources = append(sources, sealed(faulted(s), nil))
			continue
		}
		if split[a.base] == nil {
			bases = append(bases, a.base)
		}
		split[a.base] = append(split[a.base], piece{a, f})
	}
	for _, base := range bases {
		sources = append(sources, splitSource(p, split[base]))
	}
	return distinct(sources)
}

// faulted marks an archive without a byte.
func faulted(s backup.Source) backup.Source {
	var size int64
	for _, f := range s.Files {
		size += max(f.Size, 0)
	}
	if size == 0 && s.Fault == "" {
		s.Fault, s.Detail = backup.Unreadable, "empty file"
	}
	return s
}

// piece is one piece of a split archive.
type piece struct {
	archiveName
	file backup.File
}

// splitSource makes the source of an archive in pieces, which come in byte order and so by number. An
// archive that fits into one piece is not split, so a single piece is what is left of more.
func splitSource(p location, pieces []piece) backup.Source {
	var files []backup.File
	missing := 0
	for n, one := range pieces {
		files = append(files, one.file)
		if missing == 0 && one.piece != n+1 {
			missing = n + 1
		}
	}
	a := pieces[0].archiveName
	if missing > 1 {
		files = files[:missing-1] // what stands behind a hole goes on from nothing
	}
	s := archiveSource(p, a, files)
	switch {
	case s.Fault != "":
	case missing == 1:
		s.Fault, s.Detail = backup.Unreadable, fmt.Sprintf("%s: the first piece is not part00001", a.base)
	case missing > 1:
		s.Fault, s.Detail = backup.Truncated, fmt.Sprintf("%s: piece part%05d is missing", a.base, missing)
	case len(pieces) == 1:
		s.Fault, s.Detail = backup.Truncated, fmt.Sprintf("%s: only one piece is there", a.base)
	default:
		s = faulted(s)
	}
	return sealed(s, nil)
}
