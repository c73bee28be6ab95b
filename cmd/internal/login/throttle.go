package login

import (
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"slotfs/indexer/lru"
)

// rememberedAddresses is of how many addresses failed log-ins are remembered.
const rememberedAddresses = 4096

// Throttle slows down who guesses. Its methods may be called side by side.
type Throttle struct {
	Failures int           // how many log-ins may fail from one address in a row
	Interval time.Duration // after which one more may
	Now      func() time.Time

	mu   sync.Mutex
	left lru.Map[netip.Prefix, *rate.Limiter] // guarded by mu; a token for each log-in that may fail yet
}

// May reports whether somebody may try to log in.
func (t *Throttle) May(from netip.Prefix) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.left.Get(from)
	return !ok || l.TokensAt(t.Now()) >= 1
}

// Failed notes a log-in that failed.
func (t *Throttle) Failed(from netip.Prefix) {
	t.mu.Lock()
	defer t.mu.Unlock()
	l, ok := t.left.Get(from)
	if !ok {
		l = rate.NewLimiter(rate.Every(t.Interval), t.Failures)
		t.left.Put(from, l, 1)
		t.left.Shrink(rememberedAddresses, nil)
	}
	l.AllowN(t.Now(), 1)
}

// AddressOf is what one visitor may be expected to have: an IPv4 address, or an IPv6 network of 64 bits.
func AddressOf(a net.Addr) netip.Prefix {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{}
	}
	ip := tcp.AddrPort().Addr().Unmap()
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 64
	}
	p, err := ip.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}
