package source

import (
	"os/user"
	"strconv"
	"sync"
	"unicode/utf8"
)

// owners knows the names of users and groups.
type owners struct {
	mu            sync.Mutex // guards what follows
	users, groups map[uint32]string
}

// maxOwners bounds how many names are remembered.
const maxOwners = 65536

func newOwners() *owners { return &owners{users: map[uint32]string{}, groups: map[uint32]string{}} }

func (o *owners) user(id uint32) string {
	return o.get(o.users, id, func(id string) (string, error) {
		u, err := user.LookupId(id)
		if err != nil {
			return "", err
		}
		return u.Username, nil
	})
}

func (o *owners) group(id uint32) string {
	return o.get(o.groups, id, func(id string) (string, error) {
		g, err := user.LookupGroupId(id)
		if err != nil {
			return "", err
		}
		return g.Name, nil
	})
}

// get looks a name up once. Numbers without a name are remembered too.
func (o *owners) get(known map[uint32]string, id uint32, lookUp func(id string) (string, error)) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	name, ok := known[id]
	if ok {
		return name
	}
	name, err := lookUp(strconv.FormatUint(uint64(id), 10))
	if err != nil || !utf8.ValidString(name) {
		name = "" // the number says it all
	}
	if len(known) >= maxOwners {
		clear(known)
	}
	known[id] = name
	return name
}
