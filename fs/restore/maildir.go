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
	case !f.r.o.Maildir || f.fd == absent:
		return false
	case !f.holdsMessages():
		return at.there && f.isMaildir()
	case f.mail == nil:
		f.mail = map[string]bool{}
		f.readMail("../cur")
		f.readMail("../new")
	}
	return f.mail[message(name)]
}

// holdsMessages reports whether f is a directory of messages.
func (f *directory) holdsMessages() bool {
	name := path.Base(f.at)
	if f.at == "" {
		name = path.Base(f.r.o.Place.Dir)
	}
	return name == "cur" || name == "new"
}

// isMaildir reports whether f has a directory of messages.
func (f *directory) isMaildir() bool {
	var st unix.Stat_t
	return unix.Fstatat(f.fd, "cur", &st, unix.AT_SYMLINK_NOFOLLOW) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// readMail notes the messages of a directory beside f, if there is one.
func (f *directory) readMail(dir string) {
	fd, err := openDirectory(f.fd, dir)
	if err != nil {
		return // there are none
	}
	open := os.NewFile(uintptr(fd), dir)
	defer open.Close()
	for {
		names, err := open.Readdirnames(1000)
		for _, name := range names {
			f.mail[message(name)] = true
		}
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			f.r.fail(f.path, target("list directory", err))
			return
		}
	}
}
