package source

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/moby/sys/mountinfo"
)

// remoteKinds are file systems that another machine or another process has to answer for, by their type. What FUSE serves
// has a type that begins with "fuse." besides.
var remoteKinds = map[string]bool{
	"nfs": true, "nfs4": true, "cifs": true, "smb3": true, "smbfs": true, "ncpfs": true, "afs": true, "coda": true, "ceph": true,
	"9p": true, "lustre": true, "beegfs": true, "glusterfs": true, "gpfs": true, "orangefs": true, "pvfs2": true, "davfs": true,
	"virtiofs": true, "vboxsf": true, "vmhgfs": true, "prl_fs": true, "autofs": true, "fuse": true,
}

func remote(m *mountinfo.Info) bool {
	return remoteKinds[m.FSType] || strings.HasPrefix(m.FSType, "fuse.")
}

// mounts lists what is mounted, in the order of mounting, without asking what is mounted.
func mounts() ([]*mountinfo.Info, error) { return mountinfo.GetMounts(nil) }

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
			if remote(all[i]) && (within(all[i].Mountpoint, source) || within(source, all[i].Mountpoint)) {
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
	t.joined.each("", func(path string, directory *os.File) { self = remotesIn(all, path, directory, below) || self })
	return below, remotesIn(all, "", t.root, below) || self
}

// remotesIn adds what is mounted in a directory that stands at a path of the backup.
func remotesIn(all []*mountinfo.Info, path string, directory *os.File, below map[string]string) (self bool) {
	real, err := os.Readlink(strings.TrimSuffix(procPath(int(directory.Fd()), ""), "/"))
	if err != nil {
		return true
	}
	around := ""
	for i := range all {
		m := all[i]
		switch {
		case within(real, m.Mountpoint) && len(m.Mountpoint) >= len(around): // a later mount hides an earlier one
			around, self = m.Mountpoint, remote(m)
		case remote(m) && within(m.Mountpoint, real):
			below[strings.TrimPrefix(path+"/"+strings.TrimPrefix(m.Mountpoint[len(real):], "/"), "/")] = m.FSType
		}
	}
	return self
}
