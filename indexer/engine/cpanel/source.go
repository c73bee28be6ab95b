package cpanel

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"slices"
	"strconv"
	"time"

	"slotfs/indexer/backup"
	"slotfs/indexer/dest"
	"slotfs/indexer/engine"
)

// maxTime is the end of the year 9999: names of later times would not sort.
const maxTime = 253402300799

func fromUnix(seconds int64) time.Time {
	return time.Unix(min(max(seconds, 0), maxTime), 0).UTC()
}

// looseName names a snapshot that is in no set.
func looseName(t time.Time, form string) string { return t.Format("2006-01-02T150405") + "." + form }

// archiveSource makes the source of the archive a that lies in files, in a directory at p.
func archiveSource(p location, a archiveName, files []backup.File) backup.Source {
	s := backup.Source{Origin: p.origin, Account: a.account, Kind: a.kind, Files: files}
	mtime := fromUnix(newest(files))
	switch {
	case a.form == formPlain && (p.role == accountsSet || p.role == accountDirectory && a.account == p.directory):
		s.Time, s.Name = p.date, p.set
	case a.form == formPlain && (p.role == legacySet || p.role == legacyDirectory && a.account == p.directory):
		s.Time, s.Name = mtime, mtime.Format(time.DateOnly)+"."+p.set
	case a.form == formHome:
		s.Time, s.Name, s.Loose = a.when, a.when.Format(time.DateOnly)+"."+a.form+"-"+a.serial, true
	case !a.when.IsZero():
		s.Time, s.Name, s.Loose = a.when, looseName(a.when, a.form), true
	default:
		s.Time, s.Name, s.Loose = mtime, looseName(mtime, a.form), true
	}
	if a.copy != "" {
		// Beside the archive that it is a copy of it is the older one.
		s.Time = s.Time.Add(-time.Nanosecond)
		s.Name += "." + formCopy + "-" + a.copy
	}
	if a.unread != "" {
		s.Fault, s.Detail = backup.Unreadable, a.unread
		s.Name += "." + formPacked // the name without it is that of an archive which is read
	}
	return s
}

// newest is the last modification time: pieces of an archive are written one after the other.
func newest(files []backup.File) int64 {
	t := files[0].MTime
	for _, f := range files {
		t = max(t, f.MTime)
	}
	return t
}

// directorySource makes the source of the tree in dir; the caller names it.
func directorySource(p location, dir engine.Dir, account string) backup.Source {
	return backup.Source{
		Origin:  p.origin,
		Account: account,
		Kind:    backup.Tree,
		Time:    fromUnix(dir.Info.MTime),
		Files:   []backup.File{{Path: dir.Path, MTime: dir.Info.MTime}},
	}
}

// nameDirectory names a tree: after its set where it is in one, else after its time and form.
func nameDirectory(s *backup.Source, p location, form string) {
	switch p.role {
	case accountDirectory, systemDirectory:
		s.Name, s.Time = p.set, p.date
	case legacyDirectory:
		s.Name = s.Time.Format(time.DateOnly) + "." + p.set
	default:
		s.Name, s.Loose = looseName(s.Time, form), true
	}
}

// sealed fills in what needs the finished source: the fingerprint, which for a tree covers its listing too.
func sealed(s backup.Source, listing []dest.Info) backup.Source {
	h := sha256.New()
	field(h, "cpanel/1", string(s.Kind), string(s.Fault))
	for _, f := range s.Files {
		field(h, f.Path, strconv.FormatInt(f.Size, 10), strconv.FormatInt(f.MTime, 10))
	}
	for _, i := range listing {
		size := i.Size
		if i.Mode&backup.ModeType == backup.ModeDir {
			size = 0 // what a server says there depends on its file system
		}
		field(h, i.Name, strconv.FormatUint(uint64(i.Mode), 8), strconv.FormatInt(size, 10),
			strconv.FormatInt(i.MTime, 10))
	}
	s.Fingerprint = hex.EncodeToString(h.Sum(nil)[:20])
	return s
}

// field adds strings to h so that no two lists of strings add the same bytes.
func field(h hash.Hash, values ...string) {
	for _, v := range values {
		fmt.Fprintf(h, "%d:%s", len(v), v)
	}
}

// distinct orders sources by their paths and gives those that have the same account and name numbers, so
// that each can have a directory of its own.
func distinct(sources []backup.Source) []backup.Source {
	slices.SortStableFunc(sources, func(a, b backup.Source) int {
		switch {
		case a.Key() < b.Key():
			return -1
		case a.Key() > b.Key():
			return 1
		}
		return 0
	})
	type directory struct{ origin, account, name string }
	taken := make(map[directory]bool)
	for i := range sources {
		s := &sources[i]
		name := s.Name
		for n := 2; taken[directory{s.Origin, s.Account, name}]; n++ {
			name = s.Name + "." + strconv.Itoa(n)
		}
		s.Name = name
		taken[directory{s.Origin, s.Account, name}] = true
	}
	return sources
}
