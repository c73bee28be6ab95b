package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"slotfs/cmd/internal/exit"
	"slotfs/cmd/internal/login"
	"slotfs/cmd/internal/service/audit"
	"slotfs/indexer/lru"
)

// Caller is who asks by a socket of this machine, and from where, for records.
type Caller struct {
	Who  login.Identity
	From string
	// Prove checks that he is the one who may change something, beyond being the one who asks. Nil: nobody wants to know.
	Prove func() error
}

// Local answers callers of this machine of whom somebody else knows who they are: the kernel, or a hosting panel. They have no cookies.
// Requests that change something need the token that /session tells, which no other site in the caller's browser can read.
type Local struct {
	*Server
	caller func(*http.Request) (Caller, error)
	key    []byte // of the tokens

	mu    sync.Mutex
	rates lru.Map[string, *rate.Limiter] // guarded by mu; by Caller.From
}

// callerRate is how many requests a caller may send a second, for long; callerBurst how many at once.
const (
	callerRate      = 50
	callerBurst     = 500
	rememberedRates = 4096
)

// NewLocal answers whoever caller says. Its errors are told to who asked, with their hints.
func NewLocal(o Options, caller func(*http.Request) (Caller, error)) *Local {
	s := newServer(o)
	l := &Local{Server: s, caller: caller, key: make([]byte, sha256.Size)}
	_, _ = rand.Read(l.key) // it never fails
	s.http.Handler = l
	s.http.IdleTimeout = 30 * time.Second
	return l
}

// ServeHTTP answers a request.
func (l *Local) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer l.contain(r)
	pw := l.begun(w)
	if err := readBody(pw, r); err != nil {
		refuse(pw, http.StatusBadRequest, "request: "+err.Error(), "")
		return
	}
	caller, err := l.caller(r)
	if err != nil {
		l.refuseCaller(pw, r, caller, err)
		return
	}
	if !l.may(caller.From) {
		refuse(pw, http.StatusTooManyRequests, "too many requests", "wait a little")
		return
	}
	if !reads(r) && r.URL.Path != downloadsPath && caller.Prove != nil {
		if err := caller.Prove(); err != nil {
			l.refuseCaller(pw, r, caller, err)
			return
		}
	}
	r = r.WithContext(context.WithValue(r.Context(), callerKey{}, caller))
	session := &login.Session{Who: caller.Who, CSRF: l.token(caller.Who)}
	switch path := r.URL.Path; {
	case strings.HasPrefix(path, "/api/"):
		l.answerTo(pw, r, session, func() (*http.Request, context.CancelFunc) { return withVisitor(r, session) })
	case path == "/session" && r.Method == http.MethodGet:
		tell(pw, http.StatusOK, l.welcome(session))
	default:
		refuse(pw, http.StatusNotFound, fmt.Sprintf("%s %.80q: not here", r.Method, path), "")
	}
}

// refuseCaller answers who may not ask. It is recorded once for each and what is wrong with him.
func (l *Local) refuseCaller(w http.ResponseWriter, r *http.Request, caller Caller, err error) {
	if l.looks.first(caller.From, err.Error()) {
		l.Record(audit.Record{Who: caller.Who.String(), From: caller.From, Action: audit.Refused, Detail: r.Method + " " + r.URL.Path, Error: err.Error()})
	}
	refuse(w, http.StatusForbidden, err.Error(), exit.Hint(err))
}

// may reports whether a caller may ask again so soon.
func (l *Local) may(caller string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	allowed, ok := l.rates.Get(caller)
	if !ok {
		allowed = rate.NewLimiter(callerRate, callerBurst)
		l.rates.Put(caller, allowed, 1)
		l.rates.Shrink(rememberedRates, nil)
	}
	return allowed.AllowN(l.Now(), 1)
}

// token is what the page of somebody proves itself with. It lasts as long as this process.
func (l *Local) token(who login.Identity) string {
	mac := hmac.New(sha256.New, l.key)
	fmt.Fprintf(mac, "%s\x00%s", who.Account, who.Name)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// callerKey is that of the caller in the context of a request.
type callerKey struct{}
