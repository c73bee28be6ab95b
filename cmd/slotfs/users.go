package main

import (
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"slotfs/cmd/internal/config"
	"slotfs/fs/view"
	"slotfs/indexer/backup"
)

// accountOwners tells which user of this machine a snapshot belongs to. An account's name is no identity: two servers
// have an alice. So it is a user's only where the configuration says that its origin is this machine, or where this
// machine wrote it.
func (s *settings) accountOwners(conf func() *config.Config) func(*backup.Snapshot) view.Local {
	local := newUsers("/etc/passwd")
	host, err := os.Hostname()
	var machine string
	if err == nil {
		machine, err = s.state.MachineID(host)
	}
	if err != nil {
		s.log.Warn("machine id", "error", err)
	}
	return func(snapshot *backup.Snapshot) view.Local {
		d := conf().Destinations[snapshot.Destination]
		own := machine != "" && snapshot.Machine == machine
		if d == nil || !own && !slices.Contains(d.LocalOrigins, snapshot.Origin) {
			return view.Local{}
		}
		uid, gid, ok := local.lookup(snapshot.Account)
		return view.Local{UID: uid, GID: gid, OK: ok}
	}
}

// minUID is the first id of people: a backup called like a system user belongs to root.
const minUID = 500

// users knows the local users. It reads the file again when it changed.
type users struct {
	path string

	mu sync.Mutex
	// mu guards what follows.
	read time.Time
	ids  map[string][2]uint32
}

func newUsers(path string) *users { return &users{path: path} }

// lookup finds the ids of a user.
func (u *users) lookup(name string) (uid, gid uint32, ok bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if info, err := os.Stat(u.path); err == nil && !info.ModTime().Equal(u.read) {
		if data, err := os.ReadFile(u.path); err == nil {
			u.ids, u.read = parsePasswd(string(data)), info.ModTime()
		}
	}
	ids, ok := u.ids[name]
	return ids[0], ids[1], ok
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

// home is the home directory of a local user.
type home struct {
	user string
	uid  uint32
	dir  string
}

// homes are those of people in a file like passwd(5).
func homes(file string) []home {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	var all []home
	for line := range strings.SplitSeq(string(data), "\n") {
		f := strings.Split(line, ":")
		if len(f) < 6 || f[0] == "" || !path.IsAbs(f[5]) {
			continue
		}
		uid, err := strconv.ParseUint(f[2], 10, 32)
		if dir := path.Clean(f[5]); err == nil && uid >= minUID && path.Dir(dir) != "/" {
			all = append(all, home{f[0], uint32(uid), dir})
		}
	}
	return all
}
