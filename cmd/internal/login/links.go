package login

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"slotfs/cmd/internal/config"
)

// ErrLink says that a link lets nobody in, or not any more. Why is for the log: strangers try links.
var ErrLink = errors.New("the link is not valid, or not any more")

// Link lets whoever has its token in, until it ends.
type Link struct {
	ID      string    `json:"id"` // 16 hexadecimal digits
	Who     Identity  `json:"who"`
	Made    time.Time `json:"made"`
	Expires time.Time `json:"expires"`
	Once    bool      `json:"once,omitempty"` // it may be used once
	SFTP    bool      `json:"sftp,omitempty"` // it is a password of the SFTP server, and no page
	Used    time.Time `json:"used,omitzero"`  // the last time
	Revoked time.Time `json:"revoked,omitzero"`
}

// Live reports whether the link lets somebody in at a time. One that would for longer than a link may was made, or is looked at, by a
// clock that is wrong.
func (l *Link) Live(now time.Time) bool {
	return now.Before(l.Expires) && l.Expires.Sub(now) <= MaxValid && l.Revoked.IsZero() && !(l.Once && !l.Used.IsZero())
}

// MaxValid is how long a link may be valid.
const MaxValid = 30 * 24 * time.Hour

// keepEnded is how long links stay in the list after their end.
const keepEnded = 7 * 24 * time.Hour

// maxLinks bounds the list.
const maxLinks = 100_000

// Links are the links of an installation: DIR/links.json lists them, DIR/link.key signs them. Its methods may be called side by
// side, and by several processes.
type Links struct {
	Dir string
	Now func() time.Time

	list list[Link]
}

const (
	idSize    = 8
	tokenSize = idSize + 8 + sha256.Size
)

// Make makes a link of what l says of Who, Expires, Once and SFTP, and its token: a signature of them with HMAC-SHA-256.
func (s *Links) Make(l Link) (Link, string, error) {
	now := s.Now()
	if err := l.Who.valid(); err != nil {
		return Link{}, "", err
	}
	if !l.Expires.After(now) || l.Expires.After(now.Add(MaxValid)) {
		return Link{}, "", fmt.Errorf("a link is valid for at most %d days", MaxValid/(24*time.Hour))
	}
	id := make([]byte, idSize)
	_, _ = rand.Read(id) // it never fails
	l.ID, l.Made, l.Expires = hex.EncodeToString(id), now.UTC().Round(0), l.Expires.UTC().Truncate(time.Second)
	var token string
	err := s.change(func(all []Link) ([]Link, error) {
		if len(all) >= maxLinks {
			return nil, errors.New("too many links: revoke some, or wait until they end")
		}
		key, err := s.key(true)
		if err != nil {
			return nil, err
		}
		token = sign(key, &l)
		return append(all, l), nil
	})
	return l, token, err
}

// sign makes the token of a link.
func sign(key []byte, l *Link) string {
	id, err := hex.DecodeString(l.ID)
	if err != nil || len(id) != idSize {
		return ""
	}
	head := binary.BigEndian.AppendUint64(id, uint64(l.Expires.Unix()))
	mac := hmac.New(sha256.New, key)
	mac.Write(head)
	fmt.Fprintf(mac, "\x00%t\x00%t\x00%s\x00%s", l.Once, l.SFTP, l.Who.Account, l.Who.Name)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(head))
}

// Use lets in who has a token of a page, or with sftp a password of the SFTP server. A link that may be used once is used up then.
func (s *Links) Use(token string, sftp bool) (Link, error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != tokenSize {
		return Link{}, ErrLink
	}
	id := hex.EncodeToString(raw[:idSize])
	var used Link
	err = s.change(func(all []Link) ([]Link, error) {
		key, err := s.key(false)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(all, func(l Link) bool { return l.ID == id })
		if i < 0 {
			return nil, ErrLink
		}
		l := &all[i]
		if !hmac.Equal([]byte(sign(key, l)), []byte(token)) || l.SFTP != sftp || !l.Live(s.Now()) {
			return nil, ErrLink
		}
		l.Used = s.Now().UTC().Round(0)
		used = *l
		return all, nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrLink // no link was ever made
	}
	return used, err
}

// List is all links, the newest first.
func (s *Links) List() ([]Link, error) {
	all, err := s.read()
	slices.Reverse(all)
	return all, err
}

// Revoke ends a link, and with it the sessions that began with it. fs.ErrNotExist says that there is none of that id.
func (s *Links) Revoke(id string) error {
	return s.change(func(all []Link) ([]Link, error) {
		i := slices.IndexFunc(all, func(l Link) bool { return l.ID == id })
		if i < 0 {
			return nil, fmt.Errorf("link %s: %w", id, fs.ErrNotExist)
		}
		if all[i].Revoked.IsZero() {
			all[i].Revoked = s.Now().UTC().Round(0)
		}
		return all, nil
	})
}

// Revoked reports whether a link was revoked, or is not known.
func (s *Links) Revoked(id string) (bool, error) {
	all, err := s.read()
	if err != nil {
		return true, err
	}
	i := slices.IndexFunc(all, func(l Link) bool { return l.ID == id })
	return i < 0 || !all[i].Revoked.IsZero(), nil
}

func (s *Links) path() string { return filepath.Join(s.Dir, "links.json") }

// read gives the list, which is the caller's.
func (s *Links) read() ([]Link, error) {
	all, err := s.list.read(s.path())
	if err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	return all, nil
}

// change replaces the list by what edit makes of it, without the links that ended long ago.
func (s *Links) change(edit func([]Link) ([]Link, error)) error {
	return s.list.change(s.path(), func(all []Link) ([]Link, error) {
		now := s.Now()
		return edit(slices.DeleteFunc(all, func(l Link) bool { return now.After(l.Expires.Add(keepEnded)) }))
	})
}

// key signs links. It is made when it is first needed and may be.
func (s *Links) key(make bool) ([]byte, error) {
	path := filepath.Join(s.Dir, "link.key")
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && make {
		key = newKey()
		return key, config.WriteFile(path, key)
	}
	if err == nil {
		err = config.Private(path)
	}
	if err == nil && len(key) != sha256.Size {
		err = errors.New("it is no key: remove it, and all links end")
	}
	if err != nil {
		return nil, fmt.Errorf("key of the links %s: %w", path, err)
	}
	return key, nil
}

func newKey() []byte {
	key := make([]byte, sha256.Size)
	_, _ = rand.Read(key) // it never fails
	return key
}
