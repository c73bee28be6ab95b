package login

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/crypto/argon2"

	"slotfs/cmd/internal/config"
)

// Admin is an administrator with a password.
type Admin struct {
	Name string    `json:"name"`
	Made time.Time `json:"made"`
	// Hash is Argon2id of the password with the salt and the cost that stand beside it.
	Hash   []byte `json:"hash"`
	Salt   []byte `json:"salt"`
	Time   uint32 `json:"time"`
	Memory uint32 `json:"memory"` // KiB
}

// The cost of a password: above what RFC 9106 recommends where memory is short.
const (
	hashTime    = 3
	hashMemory  = 64 << 10 // KiB
	hashThreads = 1
	hashSize    = 32
	saltSize    = 16
)

// MinPassword and MaxPassword bound a password, in bytes.
const (
	MinPassword = 12
	MaxPassword = 1024
)

// Admins are the administrators of an installation, in DIR/admins.json. Its methods may be called side by side.
type Admins struct {
	Dir string
	Now func() time.Time

	list list[Admin]
}

// hashing has one for each password that is checked at once: each takes 64 MiB.
var hashing = make(chan struct{}, 2)

func (a *Admin) hash(password string) []byte {
	hashing <- struct{}{}
	defer func() { <-hashing }()
	return argon2.IDKey([]byte(password), a.Salt, a.Time, a.Memory, hashThreads, hashSize)
}

func newAdmin(name, password string, now time.Time) Admin {
	a := Admin{Name: name, Made: now.UTC().Round(0), Time: hashTime, Memory: hashMemory, Salt: make([]byte, saltSize)}
	_, _ = rand.Read(a.Salt) // it never fails
	a.Hash = a.hash(password)
	return a
}

// Set adds an administrator, or gives him another password.
func (s *Admins) Set(name, password string) error {
	if err := config.Name(name); err != nil {
		return err
	}
	if len(password) < MinPassword || len(password) > MaxPassword {
		return fmt.Errorf("the password has %d bytes: want %d to %d", len(password), MinPassword, MaxPassword)
	}
	added := newAdmin(name, password, s.Now())
	return s.change(func(all []Admin) ([]Admin, error) {
		all = slices.DeleteFunc(all, func(a Admin) bool { return a.Name == name })
		return append(all, added), nil
	})
}

// Remove takes an administrator away. fs.ErrNotExist says that there is none of that name.
func (s *Admins) Remove(name string) error {
	return s.change(func(all []Admin) ([]Admin, error) {
		rest := slices.DeleteFunc(slices.Clone(all), func(a Admin) bool { return a.Name == name })
		if len(rest) == len(all) {
			return nil, fmt.Errorf("administrator %s: %w", name, fs.ErrNotExist)
		}
		return rest, nil
	})
}

// Check reports whether a password is that of an administrator. It takes as long for a name that nobody has.
func (s *Admins) Check(name, password string) (bool, error) {
	if len(password) > MaxPassword {
		return false, nil
	}
	all, err := s.List()
	if err != nil {
		return false, err
	}
	i := slices.IndexFunc(all, func(a Admin) bool { return a.Name == name })
	if i < 0 {
		nobody := Admin{Salt: make([]byte, saltSize), Time: hashTime, Memory: hashMemory}
		nobody.hash(password)
		return false, nil
	}
	return subtle.ConstantTimeCompare(all[i].hash(password), all[i].Hash) == 1, nil
}

func (s *Admins) path() string { return filepath.Join(s.Dir, "admins.json") }

// List is all administrators.
func (s *Admins) List() ([]Admin, error) {
	all, err := s.list.read(s.path())
	if err == nil {
		err = s.check(all)
	}
	if err != nil {
		return nil, fmt.Errorf("administrators: %w", err)
	}
	return all, nil
}

// check refuses a list that others may have changed, or that is damaged.
func (s *Admins) check(all []Admin) error {
	if all == nil {
		return nil
	}
	for _, a := range all {
		if len(a.Hash) != hashSize || len(a.Salt) < 8 || a.Time < 1 || a.Time > 100 || a.Memory < 8 || a.Memory > 1<<20 {
			return fmt.Errorf("administrator %s: its hash is damaged", base64.StdEncoding.EncodeToString([]byte(a.Name)))
		}
	}
	return config.Private(s.path())
}

// change replaces the list by what edit makes of it.
func (s *Admins) change(edit func([]Admin) ([]Admin, error)) error {
	return s.list.change(s.path(), func(all []Admin) ([]Admin, error) {
		if err := s.check(all); err != nil {
			return nil, fmt.Errorf("administrators: %w", err)
		}
		return edit(all)
	})
}
