package restore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"
)

// Lines are lines that a file of a home is to have.
type Lines struct {
	Path  string   // below the home
	Lines []string // without their ends
	Key   string   // what ends the beginning of a line that tells it apart; "": the whole line does
	Mode  uint32   // of the file, if it is made
	// Folders says that lines are names of folders, with tabs between levels.
	Folders bool
}

// version2 begins a list of folders with tabs between levels. Without it dots are there, as in the names of a Maildir's directories
// (https://doc.dovecot.org/2.3/developer_manual/design/formats/).
const version2 = "V\t2\n"

// Subscriptions are the folders that a list of Dovecot's has, to be added to another one.
func Subscriptions(at string, list []byte) Lines {
	l := Lines{Path: at, Mode: 0o600, Folders: true}
	text, tabs := strings.CutPrefix(string(list), version2)
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if !tabs {
			line = strings.ReplaceAll(line, ".", "\t")
		}
		if line != "" && !strings.ContainsRune(line, 0) {
			l.Lines = append(l.Lines, line)
		}
	}
	return l
}

// maxLines bounds the size of a file to which lines are added.
const maxLines = 16 << 20

// errLines says that a file is none to which lines can be added.
var errLines = errors.New("not a text file that lines can be added to")

// AddLines adds lines to files where no line has the same beginning. The files stay the same ones, with their owners, because mail servers
// know them by their groups. It needs the rights of the owner of the home and follows no links below it.
func AddLines(ctx context.Context, all []Lines, keep Keep, rehearse bool, failed func(path string, err error)) (Summary, error) {
	var s Summary
	k := &keeper{Keep: keep, dir: absent, made: absent, last: absent}
	var err error
	if rehearse {
		k.home, err = unix.Open(keep.Home, openDir, 0)
		err = target("open home", err)
	} else {
		k, err = newKeeper(&keep)
	}
	if err != nil {
		return s, err
	}
	defer k.close()
	for i := range all {
		if err := ctx.Err(); err != nil {
			return s, err
		}
		n, err := k.addLines(&all[i], rehearse)
		s.Lines += int64(n)
		if err != nil {
			s.Failed++
			if failed != nil {
				failed(all[i].Path, err)
			}
		}
	}
	return s, nil
}

// addLines adds what is missing to one file.
func (k *keeper) addLines(l *Lines, rehearse bool) (int, error) {
	dir, name := path.Split(l.Path)
	dir = strings.TrimSuffix(dir, "/")
	open := k.parents
	if rehearse {
		open = func(at string) (int, error) { return openWay(k.home, false, at) }
	}
	up, err := open(dir)
	if rehearse && errors.Is(err, unix.ENOENT) {
		return len(l.Lines), nil
	}
	if err != nil {
		return 0, target("open directory", err)
	}
	defer unix.Close(up)
	file, err := k.linesFile(up, name, l, rehearse)
	if rehearse && errors.Is(err, unix.ENOENT) {
		return len(l.Lines), nil
	}
	if err != nil {
		return 0, err
	}
	defer file.Close()
	content, err := readLines(file)
	if err != nil {
		return 0, err
	}
	missing := l.missing(content)
	if rehearse || len(missing) == 0 {
		return len(missing), nil
	}
	for _, line := range missing {
		if err := k.note(added, l.Path+"\n"+line); err != nil {
			return 0, err
		}
	}
	text := strings.Join(missing, "\n") + "\n"
	if len(content) > 0 && content[len(content)-1] != '\n' {
		text = "\n" + text
	}
	if n, err := file.WriteString(text); err != nil {
		if n > 0 {
			err = errors.Join(err, file.Truncate(int64(len(content))))
		}
		return 0, target("write", err)
	}
	return len(missing), nil
}

// linesFile opens the file, or makes it.
func (k *keeper) linesFile(up int, name string, l *Lines, rehearse bool) (*os.File, error) {
	const flags = unix.O_RDWR | unix.O_APPEND | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := retried(func() (int, error) { return unix.Openat(up, name, flags, 0) })
	if errors.Is(err, unix.ENOENT) && !rehearse {
		if err := k.note(made, l.Path); err != nil {
			return nil, err
		}
		fd, err = retried(func() (int, error) { return unix.Openat(up, name, flags|unix.O_CREAT|unix.O_EXCL, l.Mode) })
	}
	if err != nil {
		return nil, target("open", err)
	}
	return os.NewFile(uintptr(fd), l.Path), nil
}

// readLines reads a file that lines are added to or removed from.
func readLines(file *os.File) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxLines {
		return nil, errLines
	}
	content, err := io.ReadAll(io.NewSectionReader(file, 0, maxLines+1))
	if err == nil && len(content) > maxLines {
		err = errLines
	}
	return content, err
}

// missing are the lines of which content has none that begins so.
func (l *Lines) missing(content []byte) []string {
	have := map[string]bool{}
	for line := range bytes.Lines(content) {
		have[l.key(strings.TrimRight(string(line), "\r\n"))] = true
	}
	var out []string
	dots := l.Folders && !bytes.HasPrefix(content, []byte(version2))
	for _, line := range l.Lines {
		if dots {
			line = strings.ReplaceAll(line, "\t", ".")
		}
		if key := l.key(line); !have[key] {
			have[key] = true
			out = append(out, line)
		}
	}
	return out
}

func (l *Lines) key(line string) string {
	if l.Key != "" {
		line, _, _ = strings.Cut(line, l.Key)
	}
	return line
}

// unline removes a line that was added, if it is as it was.
func (p *putBack) unline(at, line string) {
	err := p.cutLine(at, line)
	if err != nil && !errors.Is(err, unix.ENOENT) {
		p.fail(at, fmt.Errorf("remove a line that was added: %w", err))
	}
}

func (p *putBack) cutLine(at, line string) error {
	dir, name := path.Split(at)
	up, err := openWay(p.home, false, strings.TrimSuffix(dir, "/"))
	if err != nil {
		return err
	}
	defer unix.Close(up)
	fd, err := unix.Openat(up, name, unix.O_RDWR|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	file := os.NewFile(uintptr(fd), at)
	defer file.Close()
	content, err := readLines(file)
	if err != nil {
		return err
	}
	start := 0
	for each := range bytes.Lines(content) {
		if string(bytes.TrimSuffix(each, []byte("\n"))) == line {
			rest := content[start+len(each):]
			if err := writeAll(fd, rest, int64(start)); err != nil {
				return err
			}
			return file.Truncate(int64(start + len(rest)))
		}
		start += len(each)
	}
	return nil
}
