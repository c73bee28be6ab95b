package restore

import (
	"errors"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// message is what the name of a message in a Maildir has in common whatever its flags are, which change when it is read or
// answered (https://cr.yp.to/proto/maildir.html).
func message(name string) string {
	unique, _, _ := strings.Cut(name, ":2,")
	return unique
}

// merged reports whether a mailbox that is merged has what is to be restored as name in f: a message in cur or new whatever
// its flags, or a file of the mail server's own, whose backup does not fit the live mailbox.
func (f *directory) merged(name string, at *found) bool {
	switch {
	case !f.r.o.Maildir || f.fresh || f.fd == absent:
		return false
	case !f.holdsMessages():
		return f.isMaildir() && (at.there || strings.HasPrefix(name, "dovecot.index") || name == "maildirsize")
	case f.mail == nil:
		f.mail = map[string]bool{}
		err := f.messages(func(_, name string) { f.mail[message(name)] = true })
		if err != nil {
			f.r.fail(f.path, err)
		}
	}
	return f.mail[message(name)]
}

// holdsMessages reports whether f is a directory of messages.
func (f *directory) holdsMessages() bool {
	name := f.name()
	return (name == "cur" || name == "new") && isDirectory(f.fd, "../cur") && isDirectory(f.fd, "../new")
}

// holdsDeliveries reports whether f is the directory of a live mailbox in which messages lie that are being delivered.
func (f *directory) holdsDeliveries() bool {
	return f.r.o.Maildir && !f.fresh && f.fd != absent && f.name() == "tmp" && isDirectory(f.fd, "../cur")
}

func (f *directory) name() string {
	if f.at == "" {
		return path.Base(f.r.o.Place.Dir)
	}
	return path.Base(f.at)
}

// isMaildir reports whether f has a directory of messages.
func (f *directory) isMaildir() bool { return isDirectory(f.fd, "cur") }

func isDirectory(at int, name string) bool {
	var st unix.Stat_t
	return unix.Fstatat(at, name, &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// messages hands the names of the messages in f and the directory beside it to yield. Mail servers move messages from new to cur, so that
// reading new first misses none that is moved meanwhile.
func (f *directory) messages(yield func(dir, name string)) error {
	for _, dir := range []string{"new", "cur"} {
		fd, err := openDirectory(f.fd, "../"+dir)
		if err != nil {
			continue // there are none
		}
		if err := readNames(fd, func(name string) { yield(dir, name) }); err != nil {
			return err
		}
	}
	return nil
}

// readNames hands the names in a directory to yield, and closes it.
func readNames(fd int, yield func(name string)) error {
	dir := os.NewFile(uintptr(fd), ".")
	defer dir.Close()
	for {
		names, err := dir.Readdirnames(1000)
		for _, name := range names {
			yield(name)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return target("list directory", err)
		}
	}
}

// delivered notes that a message was restored as name in f, if that is a mailbox that is merged.
func (f *directory) delivered(name string) {
	if !f.r.o.Maildir || f.mail == nil {
		return
	}
	f.r.mu.Lock()
	defer f.r.mu.Unlock()
	if f.restored == nil {
		f.restored = map[string]string{}
	}
	f.restored[message(name)] = name
}

// removeTwins removes messages that were restored although they were there: a mail server that renames a message while its directory is
// read may hide it from whoever reads.
func (f *directory) removeTwins() {
	if len(f.restored) == 0 {
		return
	}
	own, twins := f.name(), map[string]string{}
	err := f.messages(func(dir, name string) {
		unique := message(name)
		if ours, ok := f.restored[unique]; ok && (dir != own || name != ours) {
			twins[unique] = "../" + dir + "/" + name
		}
	})
	if err != nil {
		f.r.fail(f.path, err)
	}
	for unique, twin := range twins {
		f.removeTwin(f.restored[unique], twin)
	}
}

func (f *directory) removeTwin(ours, twin string) {
	var a, b unix.Stat_t
	if unix.Fstatat(f.fd, ours, &a, unix.AT_SYMLINK_NOFOLLOW) != nil || unix.Fstatat(f.fd, twin, &b, unix.AT_SYMLINK_NOFOLLOW) != nil || a.Ino == b.Ino {
		return // it is the one that was restored, which was renamed since
	}
	if unix.Unlinkat(f.fd, ours, 0) != nil {
		return
	}
	f.r.files.Add(-1)
	f.r.same.Add(1)
	if f.r.keeper != nil {
		_ = f.r.keeper.note(notMade, below(f.r.keeper.path(f), ours)) // without it the undo finds nothing to do
	}
}
