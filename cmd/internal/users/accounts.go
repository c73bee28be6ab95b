package users

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"slotfs/fs/view"
)

// Accounts knows the users and groups of this machine. It reads their files again when they changed.
type Accounts struct {
	passwd, group string

	mu sync.Mutex
	// mu guards what follows.
	read  [2]time.Time
	known *view.Accounts
}

// NewAccounts reads the files passwd and group.
func NewAccounts(passwd, group string) *Accounts { return &Accounts{passwd: passwd, group: group} }

// Now is who there is, the same value as long as nothing changed.
func (a *Accounts) Now() *view.Accounts {
	a.mu.Lock()
	defer a.mu.Unlock()
	var at [2]time.Time
	for i, file := range []string{a.passwd, a.group} {
		if info, err := os.Stat(file); err == nil {
			at[i] = info.ModTime()
		}
	}
	if a.known == nil || at != a.read {
		a.known, a.read = &view.Accounts{}, at
		a.known.Users, a.known.UserIDs = numbersIn(a.passwd)
		a.known.Groups, a.known.GroupIDs = numbersIn(a.group)
	}
	return a.known
}

// numbersIn reads names and numbers from a file like passwd(5) or group(5): they are in the same places.
func numbersIn(file string) (byName map[string]uint32, ids map[uint32]bool) {
	byName, ids = map[string]uint32{}, map[uint32]bool{}
	data, err := os.ReadFile(file)
	if err != nil {
		return byName, ids
	}
	for line := range strings.SplitSeq(string(data), "\n") {
		f := strings.Split(line, ":")
		if len(f) < 3 || f[0] == "" {
			continue
		}
		id, err := strconv.ParseUint(f[2], 10, 32)
		if _, again := byName[f[0]]; err == nil && !again {
			byName[f[0]], ids[uint32(id)] = uint32(id), true
		}
	}
	return byName, ids
}
