package source

import (
	"bufio"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// mount is one line of /proc/self/mountinfo (proc_pid_mountinfo(5)): it is read without asking what is mounted.
type mount struct{ point, kind string }

// remoteKinds are file systems that another machine or another process has to answer for, by their type. What FUSE serves
// has a type that begins with "fuse." besides.
var remoteKinds = map[string]bool{
	"nfs": true, "nfs4": true, "cifs": true, "smb3": true, "smbfs": true, "ncpfs": true, "afs": true, "coda": true, "ceph": true,
	"9p": true, "lustre": true, "beegfs": true, "glusterfs": true, "gpfs": true, "orangefs": true, "pvfs2": true, "davfs": true,
	"virtiofs": true, "vboxsf": true, "vmhgfs": true, "prl_fs": true, "autofs": true, "fuse": true,
}

func (m *mount) remote() bool { return remoteKinds[m.kind] || strings.HasPrefix(m.kind, "fuse.") }

// mounts lists what is mounted, in the order of mounting.
func mounts() ([]mount, error) {
	file, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return parseMounts(file)
}

func parseMounts(r io.Reader) ([]mount, error) {
	var all []mount
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		before, after, _ := strings.Cut(lines.Text(), " - ")
		fields := strings.Fields(before)
		kind, _, _ := strings.Cut(after, " ")
		if len(fields) >= 5 && kind != "" {
			all = append(all, mount{unescapedMount(fields[4]), kind})
		}
	}
	return all, lines.Err()
}

// unescapedMount reads what the kernel writes for blanks and backslashes: \ and three octal digits.
func unescapedMount(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// within reports whether a path is dir or below it.
func within(path, dir string) bool {
	return path == dir || dir == "/" || strings.HasPrefix(path, dir) && path[len(dir)] == '/'
}

// OnRemote reports whether sources, or what a pattern among them matches, lie on file systems that somebody else answers
// for, or have some mounted below them.
func OnRemote(sources []string) bool {
	all, err := mounts()
	if err != nil {
		return true
	}
	for _, source := range sources {
		if i := strings.IndexAny(source, `*?[\`); i >= 0 {
			source = source[:i] + "x" // any name there
			source = filepath.Dir(source)
		}
		if real, err := filepath.Abs(source); err == nil {
			source = real
		}
		for i := range all {
			if all[i].remote() && (within(all[i].point, source) || within(source, all[i].point)) {
				return true
			}
		}
	}
	return false
}

// remotes finds what is mounted in the tree, by path in the backup, and whether the tree lies on such a file system itself.
func (t *Tree) remotes() (below map[string]string, self bool) {
	all, err := mounts()
	if err != nil {
		return nil, true
	}
	below = map[string]string{}
	t.joined.each("", func(path string, folder *os.File) { self = remotesIn(all, path, folder, below) || self })
	return below, remotesIn(all, "", t.root, below) || self
}

// remotesIn adds what is mounted in a folder that stands at a path of the backup.
func remotesIn(all []mount, path string, folder *os.File, below map[string]string) (self bool) {
	real, err := os.Readlink(strings.TrimSuffix(procPath(int(folder.Fd()), ""), "/"))
	if err != nil {
		return true
	}
	around := ""
	for i := range all {
		m := &all[i]
		switch {
		case within(real, m.point) && len(m.point) >= len(around): // a later mount hides an earlier one
			around, self = m.point, m.remote()
		case m.remote() && within(m.point, real):
			below[strings.TrimPrefix(path+"/"+strings.TrimPrefix(m.point[len(real):], "/"), "/")] = m.kind
		}
	}
	return self
}
