package source

import (
	"io/fs"
	"path"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Match is a directory that a pattern matches.
type Match struct {
	Path string
	// Name is the element that the last wildcard of the pattern stands for.
	Name string
	Err  error // why it cannot be read; nil: it can, or nobody tried
}

// hidden are directories beside accounts that are none: cPanel's jails, in which the whole system is mounted again, and
// what mkfs makes.
var hidden = map[string]bool{"virtfs": true, "lost+found": true}

// Find lists the directories that a pattern of path.Match matches, in the order of their paths. Wildcards match no
// links, because two names of one directory would be two accounts, and no hidden directories unless they begin with a
// dot. Links in the pattern itself are followed as far as those of a source. What does not answer for timeout is a match
// with an error if a wildcard has led there; 0 waits for ever.
func Find(pattern string, timeout time.Duration) ([]Match, error) {
	slash, err := openSlash()
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: "/", Err: err}
	}
	defer slash.close()
	f := &finder{timeout: timeout}
	err = f.below(slash, Match{}, strings.FieldsFunc(pattern, func(c rune) bool { return c == '/' }))
	return f.found, err
}

// finder collects matches.
type finder struct {
	found   []Match
	timeout time.Duration
}

// below finds what matches the elements of a pattern below a directory.
func (f *finder) below(at *directory, m Match, elements []string) error {
	if len(elements) == 0 {
		f.found = append(f.found, m)
		return nil
	}
	element, rest := elements[0], elements[1:]
	if isWild(element) {
		return f.each(at, m, element, rest)
	}
	m.Path += "/" + unescaped(element)
	next, err := answered(f.timeout, func() (*directory, error) {
		links := 0
		return at.enter(unescaped(element), &links)
	}, (*directory).close)
	if err != nil {
		return f.missed(m, err)
	}
	defer next.close()
	return f.below(next, m, rest)
}

// missed notes why a match that a wildcard has led to cannot be read. Where there is nothing the pattern does not match.
func (f *finder) missed(m Match, err error) error {
	if gone(err) {
		return nil
	}
	err = &fs.PathError{Op: "open", Path: m.Path, Err: err}
	if m.Name == "" {
		return err
	}
	m.Err = err
	f.found = append(f.found, m)
	return nil
}

// each finds what matches below the directories whose names match an element.
func (f *finder) each(at *directory, m Match, element string, rest []string) error {
	names, err := answered(f.timeout, at.names, func([]name) {})
	if err != nil {
		return f.missed(m, err)
	}
	for _, n := range names {
		if ok, err := path.Match(element, n.name); err != nil || !ok {
			if err != nil {
				return err
			}
			continue
		}
		if hidden[n.name] || n.name[0] == '.' && element[0] != '.' || !at.isDir(n) {
			continue
		}
		match := Match{Path: m.Path + "/" + n.name, Name: n.name}
		if len(rest) == 0 {
			f.found = append(f.found, match)
			continue
		}
		if err := f.into(at, match, rest); err != nil {
			return err
		}
	}
	return nil
}

// into finds what matches below a directory that a wildcard has led to. Where that does not answer, the others do.
func (f *finder) into(at *directory, m Match, rest []string) error {
	fd, err := ignoringEINTR(func() (int, error) { return unix.FcntlInt(uintptr(at.fd), unix.F_DUPFD_CLOEXEC, 0) })
	if err != nil {
		return err
	}
	own := &directory{fd, at.trusted, at.shared} // it may be used for longer than at is open
	inner := &finder{timeout: f.timeout / 2}     // it tells first, and more exactly
	found, err := answered(f.timeout, func() ([]Match, error) {
		defer own.close()
		next, err := own.child(m.Path[strings.LastIndexByte(m.Path, '/')+1:])
		if err != nil {
			err = inner.missed(m, err)
			return inner.found, err
		}
		defer next.close()
		err = inner.below(next, m, rest)
		return inner.found, err
	}, func([]Match) {})
	f.found = append(f.found, found...)
	if err == ErrStalled {
		f.timeout = max(f.timeout/2, min(f.timeout, time.Second)) // many of them must not add up
		return f.missed(m, err)
	}
	return err
}

// names lists the directory.
func (d *directory) names() ([]name, error) {
	fd, err := openDirectory(d.fd, ".")
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	return list(fd, make([]byte, listBuffer))
}

// isDir reports whether a name that was listed is a directory. Nothing is asked that a mounted file system would have to
// answer, unless the one around it does not tell types.
func (d *directory) isDir(n name) bool {
	if n.kind != unix.DT_UNKNOWN {
		return n.kind == unix.DT_DIR
	}
	var st unix.Stat_t
	return statAt(d.fd, n.name, &st) == nil && st.Mode&unix.S_IFMT == unix.S_IFDIR
}

// isWild reports whether an element of a pattern is one.
func isWild(element string) bool { return strings.ContainsAny(element, `*?[`) }

// unescaped is the name that an element without wildcards stands for.
func unescaped(element string) string {
	var b strings.Builder
	for i := 0; i < len(element); i++ {
		if element[i] == '\\' && i+1 < len(element) {
			i++
		}
		b.WriteByte(element[i])
	}
	return b.String()
}
