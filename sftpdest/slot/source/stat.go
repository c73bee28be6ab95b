package source

import (
	"math"

	"golang.org/x/sys/unix"

	"slotfs/indexer/backup"
	"slotfs/indexer/manifest"
)

// attributes fills in what stat(2) tells.
func (t *Tree) attributes(e *manifest.Entry, st *unix.Stat_t) {
	e.Mode = st.Mode & (backup.ModeType | backup.ModePerm)
	e.UID, e.GID = st.Uid, st.Gid
	e.User, e.Group = t.owners.user(st.Uid), t.owners.group(st.Gid)
	e.SetTime(timeOf(st.Mtim))
	e.CTime = nanos(st.Ctim)
	e.Nlink = uint32(st.Nlink)
	e.Inode, e.Device = st.Ino, uint64(st.Dev)
	e.Size, e.Rdev = 0, 0
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG, unix.S_IFLNK:
		e.Size = max(st.Size, 0)
	case unix.S_IFBLK, unix.S_IFCHR:
		e.Rdev = uint64(st.Rdev)
	}
}

const second = 1_000_000_000 // nanoseconds

func timeOf(ts unix.Timespec) backup.Time {
	return backup.Time{Sec: int64(ts.Sec), Nsec: int32(ts.Nsec)}
}

// nanos are nanoseconds since 1970-01-01 UTC, or the ends of what 64 bits can hold (1677 and 2262).
func nanos(ts unix.Timespec) int64 {
	switch sec := int64(ts.Sec); {
	case sec >= math.MaxInt64/second:
		return math.MaxInt64
	case sec <= math.MinInt64/second:
		return math.MinInt64
	}
	return ts.Nano()
}

// statAt tells of a name in the directory fd, without following it and without mounting anything.
func statAt(fd int, name string, st *unix.Stat_t) error {
	_, err := ignoringEINTR(func() (struct{}, error) {
		return struct{}{}, unix.Fstatat(fd, name, st, unix.AT_SYMLINK_NOFOLLOW|unix.AT_NO_AUTOMOUNT)
	})
	return err
}

// kindOf is the DT_ type of a mode.
func kindOf(mode uint32) byte { return byte(mode & unix.S_IFMT >> 12) }

// modeOf is the reverse of kindOf.
func modeOf(kind byte) uint32 { return uint32(kind) << 12 & backup.ModeType }
