// Package users knows the users and groups of this machine, from passwd(5) and group(5), whose files are read again when
// they change. It must not know what belongs to whom.
package users

import (
	"os"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The files of this machine.
const (
	Passwd = "/etc/passwd"
	Group  = "/etc/group"
)

// minUID is the first id of people: a backup called like a system user belongs to root.
const minUID = 500

// Users are the people among the local users. It reads the file again when it changed.
type Users struct {
	path string

	mu sync.Mutex
	// mu guards what follows.
	read time.Time
	ids  map[string][2]uint32
}

// overflowUID is whom the kernel names where it cannot say who somebody is: another user namespace has no number for him here.
const overflowUID = 65534

// New reads the users in the file at path.
func New(path string) *Users { return &Users{path: path} }

// Lookup finds the ids of a user.
func (u *Users) Lookup(name string) (uid, gid uint32, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.refresh()
	ids, ok := u.ids[name]
	return ids[0], ids[1], ok
}

// Name finds the user who has a uid. Where several have it nobody can tell which of them it is.
func (u *Users) Name(uid uint32) (name string, ok bool) {
	if uid < minUID || uid == overflowUID {
		return "", false
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.refresh()
	for n, ids := range u.ids {
		if ids[0] != uid {
			continue
		}
		if ok {
			return "", false
		}
		name, ok = n, true
	}
	return name, ok
}

// refresh reads the file where it changed. The caller holds mu.
func (u *Users) refresh() {
	if info, err := os.Stat(u.path); err == nil && !info.ModTime().Equal(u.read) {
		if data, err := os.ReadFile(u.path); err == nil {
			u.ids, u.read = parsePasswd(string(data)), info.ModTime()
		}
	}
}

// parsePasswd reads passwd(5).
func parsePasswd(text string) map[string][2]uint32 {
	ids := map[string][2]uint32{}
	for line := range strings.SplitSeq(text, "\n") {
		f := strings.Split(line, ":")
		if len(f) < 4 || f[0] == "" {
			continue
		}
		uid, uidErr := strconv.ParseUint(f[2], 10, 32)
		gid, gidErr := strconv.ParseUint(f[3], 10, 32)
		if uidErr == nil && gidErr == nil && uid >= minUID {
			ids[f[0]] = [2]uint32{uint32(uid), uint32(gid)}
		}
	}
	return ids
}

// Home is the home directory of a local user.
type Home struct {
	User string
	UID  uint32
	Dir  string
}

// Homes are those of people in a file like passwd(5).
func Homes(file string) []Home {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var all []Home
	for line := range strings.SplitSeq(string(data), "\n") {
		f := strings.Split(line, ":")
		if len(f) < 6 || f[0] == "" || !path.IsAbs(f[5]) {
			continue
		}
		uid, err := strconv.ParseUint(f[2], 10, 32)
		if dir := path.Clean(f[5]); err == nil && uid >= minUID && path.Dir(dir) != "/" {
			all = append(all, Home{f[0], uint32(uid), dir})
		}
	}
	return all
}
