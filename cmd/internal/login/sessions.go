package login

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"sync"
	"time"

	"slotfs/indexer/lru"
)

// Session is somebody who is logged in.
type Session struct {
	Who   Identity
	Link  string // id of the link that let him in; "" for a password
	CSRF  string // token that his page sends with every change
	Began time.Time
	last  time.Time
}

// Sessions are who is logged in now: nobody after a restart. Its methods may be called side by side.
type Sessions struct {
	Idle time.Duration // ends a session that asks nothing for so long
	Max  time.Duration // ends every session
	Now  func() time.Time
	// Revoked reports whether the link of a session was revoked.
	Revoked func(link string) bool

	mu  sync.Mutex
	all lru.Map[[sha256.Size]byte, *Session] // guarded by mu; by the hash of the cookie
}

// maxSessions bounds the sessions: the one that was used longest ago ends.
const maxSessions = 10_000

// Begin logs somebody in. The cookie is all that he has to show from then on.
func (s *Sessions) Begin(who Identity, link string) (*Session, string) {
	now := s.Now()
	cookie := random()
	session := &Session{Who: who, Link: link, CSRF: random(), Began: now, last: now}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.Put(sha256.Sum256([]byte(cookie)), session, 1)
	s.all.Shrink(maxSessions, nil)
	return session, cookie
}

// Get finds the session of a cookie, which counts as used.
func (s *Sessions) Get(cookie string) (*Session, bool) {
	session, ok := s.use(sha256.Sum256([]byte(cookie)))
	if ok && session.Link != "" && s.Revoked(session.Link) {
		s.End(cookie)
		return nil, false
	}
	return session, ok
}

// Live reports whether a cookie has a session, which does not count as used.
func (s *Sessions) Live(cookie string) bool {
	now := s.Now()
	s.mu.Lock()
	session, ok := s.all.Peek(sha256.Sum256([]byte(cookie)))
	ok = ok && s.lasts(session, now)
	s.mu.Unlock()
	return ok && (session.Link == "" || !s.Revoked(session.Link))
}

// lasts reports whether a session has not come to its end. The caller holds mu.
func (s *Sessions) lasts(session *Session, now time.Time) bool {
	return now.Sub(session.last) <= s.Idle && now.Sub(session.Began) <= s.Max
}

// use finds a session by the hash of its cookie.
func (s *Sessions) use(key [sha256.Size]byte) (*Session, bool) {
	now := s.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	session, ok := s.all.Get(key)
	if ok && !s.lasts(session, now) {
		s.all.Delete(key)
		return nil, false
	}
	if ok {
		session.last = now
	}
	return session, ok
}

// End logs out.
func (s *Sessions) End(cookie string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.Delete(sha256.Sum256([]byte(cookie)))
}

// Proves reports whether token is that of the session's page.
func (s *Session) Proves(token string) bool {
	return subtle.ConstantTimeCompare([]byte(s.CSRF), []byte(token)) == 1
}

// random is a text of 256 random bits.
func random() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // it never fails
	return base64.RawURLEncoding.EncodeToString(b)
}
