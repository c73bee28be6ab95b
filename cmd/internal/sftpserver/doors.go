package sftpserver

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

// doors counts the connections of each address and the passwords that were wrong.
type doors struct {
	limits Limits
	now    func() time.Time

	mu sync.Mutex
	// mu guards what follows.
	open     int
	from     map[netip.Prefix]int
	failures lru.Map[netip.Prefix, *rate.Limiter] // a token for each log-in that may fail yet
}

func newDoors(l Limits, now func() time.Time) *doors {
	return &doors{limits: l, now: now, from: make(map[netip.Prefix]int)}
}

// enter counts a connection, unless there are too many or too many of its log-ins failed.
func (d *doors) enter(from netip.Prefix) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open >= d.limits.Connections || d.from[from] >= d.limits.PerAddress {
		return false
	}
	if l, ok := d.failures.Get(from); ok && l.TokensAt(d.now()) < 1 {
		return false
	}
	d.open++
	d.from[from]++
	return true
}

func (d *doors) leave(from netip.Prefix) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open--
	d.from[from]--
	if d.from[from] == 0 {
		delete(d.from, from)
	}
}

// failed notes a wrong password, and reports whether the next one may be tried.
func (d *doors) failed(from netip.Prefix) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	l, ok := d.failures.Get(from)
	if !ok {
		l = rate.NewLimiter(rate.Every(d.limits.FailureInterval), d.limits.Failures)
		d.failures.Put(from, l, 1)
		d.failures.Shrink(rememberedAddresses, nil)
	}
	l.AllowN(d.now(), 1)
	return l.TokensAt(d.now()) >= 1
}

// addressOf is what one visitor may be expected to have: an IPv4 address, or an IPv6 network of 64 bits.
func addressOf(a net.Addr) netip.Prefix {
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
