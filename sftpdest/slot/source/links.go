package source

import "golang.org/x/sys/unix"

// links finds the names of hard-linked files. A file is forgotten when all its names were seen.
type links struct {
	seen map[inode]*linked
}

type inode struct{ device, number uint64 }

type linked struct {
	first string
	left  uint64 // names that were not seen yet
}

// maxLinked bounds how many files with names to come are remembered. Beyond it names become files of their own: the
// backup has their content twice.
const maxLinked = 1 << 20

// first tells the path that the file was seen at first, "" if this is it.
func (l *links) first(path string, st *unix.Stat_t) string {
	key := inode{uint64(st.Dev), st.Ino}
	if known := l.seen[key]; known != nil {
		known.left--
		if known.left == 0 {
			delete(l.seen, key)
		}
		return known.first
	}
	if l.seen == nil {
		l.seen = map[inode]*linked{}
	}
	if len(l.seen) < maxLinked {
		l.seen[key] = &linked{first: path, left: uint64(st.Nlink) - 1}
	}
	return ""
}
